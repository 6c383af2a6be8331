"""`radscribe`: imports only the command that is called, so that it starts quickly.

Errors and signals are handled here once, for all commands: each ends with one line on standard
error and an exit code. Set ``RADSCRIBE_DEBUG=1`` to see tracebacks and the warnings of libraries.
"""

from __future__ import annotations

import atexit
import importlib
import io
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from difflib import get_close_matches
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

import click

from radscribe._version import __version__
from radscribe.errors import Interrupted, RadscribeError, RadscribeWarning, UsageError
from radscribe.files import output_error

# Heading of the overview -> command -> (module, one line). A module is imported when its command is called.
GROUPS: dict[str, dict[str, tuple[str, str]]] = {
    "Caption and serve": {
        "caption": ("radscribe.cli.caption", "Write a draft caption for each study."),
        "batch": ("radscribe.cli.batch", "Caption any number of studies into Parquet files."),
        "guard": ("radscribe.cli.guard", "Check the captions of a captioner that is not ours."),
        "serve": ("radscribe.cli.serve", "Serve captions over HTTP, with a page for review."),
        "listen": ("radscribe.cli.listen", "Receive studies from a PACS by DICOM."),
        "fetch": ("radscribe.cli.fetch", "Pull studies from an archive by DICOMweb."),
        "users": ("radscribe.cli.users", "Manage the users of the service."),
        "audit": ("radscribe.cli.audit", "Verify and export the service's audit trail."),
        "export-reviews": ("radscribe.cli.export_reviews", "Write accepted reviews as a manifest."),
    },
    "Train": {
        "prepare": ("radscribe.cli.prepare", "Turn a downloaded dataset into a manifest."),
        "train-encoder": ("radscribe.cli.train_encoder", "Train an image encoder on findings."),
        "train": ("radscribe.cli.train", "Train a captioner."),
        "import-weights": ("radscribe.cli.import_weights", "Import published weights as a run."),
        "export": ("radscribe.cli.export", "Export a run as a bundle that needs no torch."),
    },
    "Measure": {
        "evaluate": ("radscribe.cli.evaluate", "Score captions and compare them with baselines."),
        "compare": ("radscribe.cli.compare", "Compare a new bundle with the one in use."),
        "probe": ("radscribe.cli.probe", "Test whether captions follow a change of the image."),
        "label": ("radscribe.cli.label", "Label the findings in reports."),
        "bench": ("radscribe.cli.bench", "Measure speed and memory on this machine."),
    },
}
COMMANDS = {name: entry for group in GROUPS.values() for name, entry in group.items()}
INTERRUPTED = 130
BROKEN_PIPE = 141
COMPLETION = "_RADSCRIBE_COMPLETE"


class LazyGroup(click.Group):
    """A group that imports a command's module only when that command runs."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(COMMANDS[cmd_name][0]).command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            near = get_close_matches(name, COMMANDS, n=1)
            hint = f"did you mean '{near[0]}'?" if near else f"the commands are {', '.join(COMMANDS)}"
            raise click.UsageError(f"no such command '{name}'; {hint}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                width = max(map(len, COMMANDS))
                formatter.write_dl([(name.ljust(width), summary) for name, (_, summary) in commands.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="radscribe")
def radscribe() -> None:
    """Caption chest radiographs; train, measure and serve the models that do.

    The output is a draft for research: not verified, not for diagnosis.

    `radscribe COMMAND --help` describes a command.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0, all done; 1, something failed and the rest is done; 2, wrong use; 130, interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name need not be UTF-8
            stream.reconfigure(errors="backslashreplace")
    if not _debugging():
        warnings.showwarning = _show_warning
    with _signals():
        code = _run(arguments)
    if code == INTERRUPTED and arguments is None:
        _INTERRUPTED.append(code)
    sys.exit(code)


_STOPPED: list[int] = []  # the signal that came
_INTERRUPTED: list[int] = []


@atexit.register  # early, so that it runs after the clean-up of others
def _leave() -> None:
    """Keep the exit code: Python may send itself the signal again after it has been handled."""
    if _INTERRUPTED:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError):
                stream.flush()
        os._exit(INTERRUPTED)


def _run(arguments: list[str] | None) -> int:
    """Run a command; show what goes wrong in one line and return the exit code."""
    try:
        if COMPLETION in os.environ:  # a shell asks what it can complete
            radscribe.main(prog_name="radscribe", complete_var=COMPLETION)
        given = sys.argv[1:] if arguments is None else arguments
        with radscribe.make_context("radscribe", list(given)) as context:
            code = _invoke(context)
        sys.stdout.flush()  # here, where an error can still be shown
    except click.exceptions.Exit as ending:  # --help and --version
        code = ending.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return 2
    except click.ClickException as error:
        _print_error(_usage_line(error), error)
        return 2
    except (Interrupted, KeyboardInterrupt, click.Abort) as error:
        if sys.stderr.isatty():
            click.echo(err=True)  # ends the line that shows ^C
        _print_error(str(error) if isinstance(error, Interrupted) else "interrupted", error)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output is gone
        _discard(sys.stdout)
        return BROKEN_PIPE
    except RadscribeError as error:
        _print_error(str(error), error)
        return 2 if isinstance(error, UsageError) else 1
    except OSError as error:
        _print_error(str(output_error(error, None if error.filename else "standard output")), error)
        _discard(sys.stdout)
        return 1
    except MemoryError as error:
        _print_error("the memory is used up; use smaller batches, fewer threads or a larger machine", error)
        return 1
    except Exception as error:  # noqa: BLE001 - a user must never see a traceback
        _print_error(
            f"internal error at {_place(error)}; set RADSCRIBE_DEBUG=1 and report what it prints", error
        )
        return 1
    return code if isinstance(code, int) else 0


def _invoke(context: click.Context) -> Any:
    try:
        return radscribe.invoke(context)
    except Exception as error:
        if _STOPPED and not isinstance(error, (Interrupted, click.Abort)):
            raise KeyboardInterrupt from error  # a library made another error of the interruption
        raise


def _usage_line(error: click.ClickException) -> str:
    """Click's message as one line that starts like ours and ends with the command to ask for help."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "radscribe"
    return f"{message[:1].lower()}{message[1:]}; see {path} --help"


def _print_error(line: str, error: BaseException) -> None:
    if _debugging():
        traceback.print_exception(error)
    with suppress(OSError):  # standard error may be gone too
        click.echo(f"radscribe: {' '.join(line.splitlines())}", err=True)


def _place(error: BaseException) -> str:
    """Where in radscribe an exception comes from, as `inference/pipeline.py:93`."""
    home = Path(__file__).parents[1]
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(home)]
    if not ours:
        return "an unknown place"
    return f"{Path(ours[-1].filename).relative_to(home)}:{ours[-1].lineno}"


def _debugging() -> bool:
    return os.environ.get("RADSCRIBE_DEBUG", "") not in ("", "0")


def _show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Show our own warnings in one line; those of libraries are for developers."""
    if issubclass(category, RadscribeWarning):
        click.echo(f"radscribe: warning: {message}", err=True)


def _discard(stream: TextIO) -> None:
    """Discard the rest of a stream's buffer; otherwise the interpreter fails to flush it on exit."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


@contextmanager
def _signals() -> Iterator[None]:
    """Let SIGTERM and SIGHUP end a command as Ctrl-C does; a second signal ends it at once."""
    _STOPPED.clear()

    def stop(number: int, frame: FrameType | None) -> None:
        if _STOPPED:
            os._exit(INTERRUPTED)
        _STOPPED.append(number)
        raise KeyboardInterrupt

    def swallowed(unraisable: Any) -> None:
        if isinstance(unraisable.exc_value, KeyboardInterrupt) and _STOPPED:
            # The signal came within a callback, where Python drops errors: send it once more.
            number = _STOPPED.pop()
            threading.Timer(0.05, os.kill, (os.getpid(), number)).start()
        else:
            hook(unraisable)

    hook, sys.unraisablehook = sys.unraisablehook, swallowed
    before: dict[int, Any] = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)  # Windows has no SIGHUP
        if (
            number is not None and signal.getsignal(number) is not signal.SIG_IGN
        ):  # `nohup` keeps what it asked for
            with suppress(ValueError):  # signals are handled in the main thread only
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    main()
