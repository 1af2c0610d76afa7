"""``opq users``: who may sign in to the pages, and which programs read in their names."""

from dataclasses import replace
from typing import Annotated

import typer

from opq import ids
from opq.clock import SystemClock, iso, seconds_ns
from opq.errors import InvalidInput, check_option
from opq.ids import BoxId
from opq.store import Store
from opq.store.users import INVITATION_LIFE_NS, Users
from opq.times import parse_seconds
from opq.trust.policy import Right, UserRole
from opq.trust.users import ApiToken, User
from opq_cli.output import JSON_OPTION, STORE_OPTION, Column, print_json, print_table
from opq_cli.site_store import open_site

app = typer.Typer(help="Who may sign in, with which rights; tokens of programs.", no_args_is_help=True)
_ROLES = [role.value for role in UserRole]
_SCOPES = [right.value for right in Right]
Role = Annotated[str | None, typer.Option(help=f"{', '.join(_ROLES)}: sees his own boxes, all, or may change all.")]
Boxes = Annotated[str | None, typer.Option(help="The boxes he owns, with commas between.")]


@app.command()
def add(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="Name to sign in with; may be an e-mail address.")],
    role: Role = None,
    boxes: Boxes = None,
    store: str = STORE_OPTION,
) -> None:
    """Add a user, and print an invitation with which he sets his password."""
    opened, now = open_site(store), SystemClock().unix_ns()
    user = User(ids.user_id(user_id), _role(role or UserRole.USER.value), _boxes(opened, boxes or ""), now)
    Users(opened).add(user)
    _invite(opened, user, now)


@app.command(name="set")
def set_user(
    user_id: str,
    role: Role = None,
    boxes: Boxes = None,
    disable: Annotated[
        bool | None, typer.Option("--disable/--enable", help="Whether he may sign in, and his tokens read.")
    ] = None,
    store: str = STORE_OPTION,
) -> None:
    """Change a user; pages and programs that are open notice it within seconds."""
    opened = open_site(store)
    user = Users(opened).get(ids.user_id(user_id))
    changed = replace(
        user,
        role=user.role if role is None else _role(role),
        box_ids=user.box_ids if boxes is None else _boxes(opened, boxes),
        disabled=user.disabled if disable is None else disable,
    )
    Users(opened).change(changed)
    typer.echo(f"changed {user_id}" if changed != user else f"{user_id} is already so")


@app.command()
def invite(user_id: str, store: str = STORE_OPTION) -> None:
    """Print another invitation, for a user who forgot his password; the one before is void."""
    opened = open_site(store)
    _invite(opened, Users(opened).get(ids.user_id(user_id)), SystemClock().unix_ns())


@app.command(name="list")
def list_users(store: str = STORE_OPTION, as_json: bool = JSON_OPTION) -> None:
    """List users."""
    users = Users(open_site(store)).all()
    if as_json:
        print_json(
            [{"user_id": user.user_id, "role": user.role, "boxes": user.box_ids, **_state(user)} for user in users]
        )
        return
    columns = (Column("user"), Column("role"), Column("state"), Column("boxes", shrink=True))
    rows = [[user.user_id, user.role.value, str(_state(user)["state"]), ", ".join(user.box_ids)] for user in users]
    print_table(columns, rows, "No users yet. Add one with: opq users add NAME --role admin")


@app.command()
def remove(user_id: str, store: str = STORE_OPTION) -> None:
    """Forget a user, his sessions and his tokens."""
    Users(open_site(store)).remove(ids.user_id(user_id))
    typer.echo(f"removed {user_id}")


@app.command()
def token(
    user_id: str,
    name: Annotated[str, typer.Option(help="What it is for.")],
    scopes: Annotated[
        str, typer.Option(help=f"What it may read, with commas between: {', '.join(_SCOPES)}.")
    ] = "site,boxes",
    life: Annotated[str, typer.Option(help="How long it is good: 12h, 30d, 365d.")] = "90d",
    store: str = STORE_OPTION,
) -> None:
    """Print an API token, once: a program reads with it in the name of a user, and never more than he may."""
    rights = [Right(check_option("--scopes", scope.strip(), _SCOPES)) for scope in scopes.split(",")]
    life_ns, now = seconds_ns(parse_seconds("--life", life)), SystemClock().unix_ns()
    text = Users(open_site(store)).make_token(ids.user_id(user_id), name, rights, life_ns, now)
    typer.echo(f"token of {user_id} for {name}, good until {iso(now + life_ns)}; it is not shown again:", err=True)
    typer.echo(text)


@app.command()
def tokens(
    user_id: Annotated[str | None, typer.Argument(help="Only of this user.")] = None,
    store: str = STORE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """List API tokens: whose, what for, what they may and until when; never the tokens."""
    found = Users(open_site(store)).tokens(ids.user_id(user_id) if user_id else None)
    if as_json:
        print_json(found)
        return
    columns = (Column("token"), Column("user"), Column("for", shrink=True), Column("scopes"), Column("until"))
    print_table(
        columns, [_token_row(one) for one in found], "No tokens yet. Make one with: opq users token USER --name ..."
    )


@app.command(name="revoke-token")
def revoke_token(token_id: str, store: str = STORE_OPTION) -> None:
    """Let a token be good for nothing."""
    Users(open_site(store)).revoke_token(token_id)
    typer.echo(f"revoked token {token_id}")


def _invite(store: Store, user: User, now_unix_ns: int) -> None:
    text = Users(store).invite(user.user_id, now_unix_ns)
    until = iso(now_unix_ns + INVITATION_LIFE_NS)
    typer.echo(f"{user.user_id} sets a password with this, once, until {until}, at /password of the pages:", err=True)
    typer.echo(text)


def _role(text: str) -> UserRole:
    return UserRole(check_option("--role", text, _ROLES))


def _boxes(store: Store, text: str) -> tuple[BoxId, ...]:
    chosen = [ids.box_id(name.strip()) for name in text.split(",") if name.strip()]
    known = {box.box_id for box in store.boxes.list()}
    strange = [box_id for box_id in chosen if box_id not in known]
    if strange:
        raise InvalidInput(f"--boxes: {strange[0]} is not known at this site; add it with: opq boxes add {strange[0]}")
    return tuple(dict.fromkeys(chosen))


def _state(user: User) -> dict[str, str]:
    if user.disabled:
        return {"state": "disabled"}
    return {"state": "may sign in" if user.password else "invited"}


def _token_row(one: ApiToken) -> list[str]:
    scopes = ", ".join(scope.value for scope in one.scopes)
    return [one.token_id, one.user_id, one.name, scopes, iso(one.expires_unix_ns)]
