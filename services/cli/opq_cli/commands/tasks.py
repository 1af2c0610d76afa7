"""``opq tasks``: what waits for Mauka, what failed and why."""

from typing import Annotated

import typer

from opq.clock import SystemClock
from opq.errors import InvalidInput, NotFound, check_option
from opq.ids import TaskId
from opq.model.tasks import TaskState
from opq_cli.output import JSON_OPTION, LIMIT_OPTION, STORE_OPTION, Column, age, print_json, print_table
from opq_cli.site_store import open_site

app = typer.Typer(help="Look at the work of Mauka: what waits, what failed and why.", no_args_is_help=True)


@app.command(name="list")
def list_tasks(
    state: Annotated[str | None, typer.Option(help="queued, leased, done or dead.")] = None,
    plugin: Annotated[str | None, typer.Option(help="Only of this plugin.")] = None,
    limit: int = LIMIT_OPTION,
    store: str = STORE_OPTION,
    as_json: bool = JSON_OPTION,
) -> None:
    """List tasks, newest first."""
    wanted = TaskState(check_option("--state", state, [item.value for item in TaskState])) if state else None
    tasks = open_site(store).tasks.list(wanted, plugin, limit)
    if as_json:
        print_json(tasks)
        return
    now = SystemClock().unix_ns()
    rows = [
        [
            task.task_id,
            task.state.value,
            str(task.attempts),
            age(task.created_unix_ns, now),
            task.error.strip().split("\n")[-1],
        ]
        for task in tasks
    ]
    columns = (Column("task"), Column("state"), Column("tries"), Column("made"), Column("last error", shrink=True))
    print_table(columns, rows, "No tasks.")


@app.command()
def requeue(task_id: str, store: str = STORE_OPTION) -> None:
    """Put a dead or done task back in the queue."""
    tasks = open_site(store).tasks
    if not tasks.requeue(TaskId(task_id)):
        task = tasks.get(TaskId(task_id))
        if task is None:
            raise NotFound(f"task {task_id!r} is not in the store; list them with: opq tasks list")
        raise InvalidInput(f"task {task_id} is {task.state.value}; only a dead or done task can be put back")
    typer.echo(f"queued {task_id}")
