"""``/sign-in``, ``/sign-out`` and ``/password``."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from opq.errors import Forbidden, InvalidInput, NotFound, OpqError, Unauthenticated, Unavailable
from opq.store import Store
from opq.store.users import Users
from opq.trust.passwords import LEAST_CHARACTERS
from opq.trust.users import User
from opq_view.settings import ViewSettings
from opq_view.sign_in.cookies import cookie, cookie_name
from opq_view.sign_in.forms import Field, Form, form_page
from opq_view.sign_in.requests import address_of, form_of, way_back

T = TypeVar("T")
_STATUS: dict[type[OpqError], int] = {Unauthenticated: 401, Forbidden: 403, InvalidInput: 400, Unavailable: 503}
_AT_ONCE = 2
"""Passwords that are checked at the same time: each takes 64 MiB for a tenth of a second."""
_HOME = ("/", "To the overview")
_PASSWORD = Field("password", "Password", "password", "current-password")
_NEW = Field("new", f"New password, {LEAST_CHARACTERS} characters or more", "password", "new-password")
_AGAIN = Field("again", "The new password again", "password", "new-password")


def sign_in_routes(settings: ViewSettings, opened: Callable[[], Store]) -> list[Route]:
    """Make the routes; none where nobody is asked who he is.

    Parameters
    ----------
    opened : callable
        Returns the open store; may block.
    """
    if not settings.asks:
        return []
    door = _Door(settings, opened)
    return [
        Route("/sign-in", door.sign_in, methods=["GET", "POST"]),
        Route("/sign-out", door.sign_out, methods=["GET", "POST"]),
        Route("/password", door.password, methods=["GET", "POST"]),
    ]


class _Door:
    def __init__(self, settings: ViewSettings, opened: Callable[[], Store]) -> None:
        self._settings, self._opened = settings, opened
        self._checking = asyncio.Semaphore(_AT_ONCE)

    # --- pages

    async def sign_in(self, request: Request) -> Response:
        """Show the form; take it."""
        back = way_back(request.query_params.get("next", "/"))
        if request.method == "GET":
            return form_page(_sign_in_form(back))

        async def take(fields: dict[str, str]) -> Response:
            text = await self._in_thread(
                lambda users: users.sign_in(
                    fields.get("name", "").strip().lower(),
                    fields.get("password", ""),
                    address_of(request, self._settings.proxies),
                    time.time_ns(),
                )
            )
            return self._signed_in(way_back(fields.get("next", "/")), text)

        return await self._taken(request, _sign_in_form(back), take)

    async def sign_out(self, request: Request) -> Response:
        """Ask whether he means it; end his session."""
        form = Form("Sign out", "/sign-out", "Sign out", links=[_HOME])
        if request.method == "GET":
            return form_page(form)

        async def take(_: dict[str, str]) -> Response:
            text = request.cookies.get(cookie_name(self._settings), "")
            await self._in_thread(lambda users: users.sign_out(text, time.time_ns()))
            answer = RedirectResponse("/", 303)
            answer.delete_cookie(cookie_name(self._settings), secure=self._settings.secure, httponly=True)
            return answer

        return await self._taken(request, form, take)

    async def password(self, request: Request) -> Response:
        """Let somebody set a password: with an invitation, or with the old one if he is signed in."""
        session = request.cookies.get(cookie_name(self._settings), "")
        try:
            user = await self._in_thread(lambda users: users.signed_in(session, time.time_ns()))
        except Unavailable:
            return form_page(_password_form(None), "The store does not answer just now; try again.", 503)
        if request.method == "GET":
            return form_page(_password_form(user))

        async def take(fields: dict[str, str]) -> Response:
            if fields.get("new", "") != fields.get("again", ""):
                raise InvalidInput("the new password was typed in two different ways; type it again")
            await self._in_thread(lambda users: _set_password(users, user, fields))
            return RedirectResponse("/sign-in", 303)

        return await self._taken(request, _password_form(user), take)

    # --- below

    def _signed_in(self, back: str, text: str) -> Response:
        answer = RedirectResponse(back, 303)
        answer.set_cookie(**cookie(self._settings, text))  # type: ignore[arg-type]
        return answer

    async def _taken(
        self, request: Request, form: Form, take: Callable[[dict[str, str]], Awaitable[Response]]
    ) -> Response:
        """Take a form; what is wrong with it is said above the same form."""
        try:
            return await take(await form_of(request))
        except OpqError as error:
            status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 400)
            words = "the store does not answer just now; try again" if status == 503 else str(error)
            return form_page(form, words[:1].upper() + words[1:] + ".", status)

    async def _in_thread(self, act: Callable[[Users], T]) -> T:
        async with self._checking:
            return await asyncio.to_thread(lambda: act(Users(self._opened())))


def _set_password(users: Users, user: User | None, fields: dict[str, str]) -> None:
    now = time.time_ns()
    if user is None:
        try:
            users.accept(fields.get("invitation", ""), fields.get("new", ""), now)
        except NotFound as error:
            raise Unauthenticated("the user of this invitation was removed") from error
    else:
        users.change_password(user.user_id, fields.get("password", ""), fields.get("new", ""), now)


def _sign_in_form(back: str) -> Form:
    name = Field("name", "Name", "text", "username")
    links = [_HOME, ("/password", "I have an invitation")]
    return Form("Sign in", "/sign-in", "Sign in", [name, _PASSWORD, Field("next", value=back)], links=links)


def _password_form(user: User | None) -> Form:
    if user is None:
        invitation = Field("invitation", "Invitation", "text")
        text = "Paste the invitation that you were given, and choose a password: a few words in a row are good."
        return Form("Set a password", "/password", "Set", [invitation, _NEW, _AGAIN], text, [_HOME])
    text = f"You are {user.user_id}. Wherever you are signed in now, you will have to sign in again."
    return Form("Change your password", "/password", "Change", [_PASSWORD, _NEW, _AGAIN], text, [_HOME])
