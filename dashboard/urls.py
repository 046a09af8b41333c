"""URLs of pages, health checks and metrics."""

from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required
from django.urls import path

from dashboard.http.logins import LoginForm
from dashboard.monitoring import health, metrics
from dashboard.pages import export_views, overview_views, session_views

urlpatterns = [
    path("", overview_views.show_overview, name="overview"),
    path("finished/", overview_views.show_finished, name="finished"),
    path("sessions/<int:pk>/", session_views.show_session, name="session"),
    path("sessions/<int:pk>/<slug:name>.<slug:form>", export_views.download, name="download"),
    path("sessions/<int:pk>/report/", session_views.show_report, name="report"),
    path("sessions/<int:pk>/history/", session_views.show_history, name="history"),
    path("anomalies/<uuid:anomaly_id>/acknowledge/", session_views.acknowledge, name="acknowledge"),
    path(
        "login/",
        login_not_required(
            auth_views.LoginView.as_view(
                template_name="registration/login.html",
                authentication_form=LoginForm,
                redirect_authenticated_user=True,
            )
        ),
        name="login",
    ),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("favicon.ico", overview_views.show_icon, name="icon"),
    path("healthz", health.show_liveness, name="liveness"),
    path("health", health.show_health, name="health"),
    path("metrics", metrics.show_metrics, name="metrics"),
]
