"""``opq tasks``: what waits for Mauka, what failed and why."""

from typing import Annotated

import typer

from opq.clock import iso
from opq.errors import NotFound, check_option
from opq.ids import TaskId
from opq.model.tasks import TaskState
from opq.store import open_store
from opq_cli.output import JSON_OPTION, LIMIT_OPTION, STORE_OPTION, print_json, print_table

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
    tasks = open_store(store).tasks.list(wanted, plugin, limit)
    if as_json:
        print_json(tasks)
        return
    rows = [
        [
            task.task_id,
            task.state.value,
            str(task.attempts),
            iso(task.created_unix_ns),
            task.error.strip().split("\n")[-1],
        ]
        for task in tasks
    ]
    print_table(("task", "state", "attempts", "created", "last error"), rows, "No tasks.")


@app.command()
def requeue(task_id: str, store: str = STORE_OPTION) -> None:
    """Put a dead or done task back in the queue."""
    if not open_store(store).tasks.requeue(TaskId(task_id)):
        raise NotFound(f"task {task_id!r} is not in the store; list them with: opq tasks list")
    typer.echo(f"queued {task_id}")
