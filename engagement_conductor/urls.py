"""URLs of the whole product, and the look of the admin."""

from django.contrib import admin
from django.urls import include, path

from dashboard.http.errors import show_failure
from dashboard.http.logins import AdminLoginForm
from dashboard.monitoring.system import show_system

admin.site.site_header = "Engagement Conductor"
admin.site.site_title = "Engagement Conductor"
admin.site.login_form = AdminLoginForm
admin.site.index_title = "Administration"
# There are only a few models, one click away on the index; lists need the width.
admin.site.enable_nav_sidebar = False

handler500 = show_failure

urlpatterns = [
    path("admin/system/", admin.site.admin_view(show_system), name="system"),
    path("admin/", admin.site.urls),
    path("api/v1/", include("dashboard.api.urls")),
    path("", include("dashboard.urls")),
]
