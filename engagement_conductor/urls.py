"""URLs of the whole product."""

from django.contrib import admin
from django.urls import include, path

admin.site.site_header = "Engagement Conductor"
admin.site.site_title = "Engagement Conductor"
admin.site.index_title = "Administration"
# A handful of models: the index is one click away, and lists get the width.
admin.site.enable_nav_sidebar = False

urlpatterns = [
    path("admin/", admin.site.urls),
    path("api/v1/", include("dashboard.api.urls")),
    path("", include("dashboard.urls")),
]
