"""`radscribe`: imports the one command that was named and no other, so that the first word is quick."""

from __future__ import annotations

import importlib
import io
import sys

import click

from radscribe._version import __version__
from radscribe.errors import RadscribeError, UsageError

# name -> (module, one line for the overview). The module's `command` is imported when it is called.
COMMANDS: dict[str, tuple[str, str]] = {
    "caption": ("radscribe.cli.caption", "Write a draft caption for each study."),
    "prepare": ("radscribe.cli.prepare", "Turn a dataset's download into a manifest."),
    "train-encoder": ("radscribe.cli.train_encoder", "Train an image encoder on findings."),
    "train": ("radscribe.cli.train", "Train a captioner."),
    "import-weights": ("radscribe.cli.import_weights", "Take over published weights."),
    "evaluate": ("radscribe.cli.evaluate", "Score captions beside their baselines."),
    "export": ("radscribe.cli.export", "Export a run to a bundle that captions without torch."),
    "serve": ("radscribe.cli.serve", "Serve captions over HTTP, with a page."),
    "export-reviews": ("radscribe.cli.export_reviews", "Write what reviewers accepted as a manifest."),
    "label": ("radscribe.cli.label", "Find the findings in each report."),
    "bench": ("radscribe.cli.bench", "Measure speed and memory on this machine."),
}


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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, summary) for name, (_, summary) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="radscribe")
def radscribe() -> None:
    """Caption chest radiographs; train, measure and export the models that do.

    Output is a draft for research: not verified, not for diagnosis.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; exit 0 all done, 1 some inputs failed, 2 wrong use."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name need not be UTF-8
            stream.reconfigure(errors="backslashreplace")
    try:
        code = radscribe.main(args=arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code if error.exit_code != 1 else 2)
    except click.Abort:
        click.echo("radscribe: stopped", err=True)
        sys.exit(130)
    except BrokenPipeError:  # whoever read our output has gone: nothing more to say
        sys.stderr.close()
        sys.exit(141)
    except RadscribeError as error:
        click.echo(f"radscribe: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
