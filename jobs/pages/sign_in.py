"""Sign in and out; guesses are slowed down per address and name."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse

from jobs.errors import Busy
from jobs.pages.answers import frame
from jobs.rate import address_of, take

GUESSES = 5
WINDOW_SECONDS = 60


class SignIn(LoginView):
    """Django's own, in our frame."""

    template_name = "millrace/sign_in.html"
    next_page = "catalogue"
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Counted before the password is looked at, so that guesses in parallel count as well."""
        name = request.POST.get("username", "").casefold()
        try:
            take("sign-in", f"{address_of(request)} {name}", limit=GUESSES, seconds=WINDOW_SECONDS)
        except Busy as busy:
            return self.too_often(busy)
        return super().post(request, *args, **kwargs)

    def too_often(self, busy: Busy) -> HttpResponse:
        context = self.get_context_data(form=self.form_class(self.request), refusal=str(busy))
        response = self.render_to_response(context)
        response.status_code = 429
        response["Retry-After"] = str(busy.retry_after_seconds)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return frame(self.request) | {"is_at_door": True} | super().get_context_data(**kwargs)


class SignOut(LogoutView):
    """By POST only: a link elsewhere cannot sign anybody out."""

    next_page = "sign-in"
