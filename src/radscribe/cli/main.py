"""`radscribe`: imports only the command that is called, so that it starts quickly.

What happens to errors and signals is decided here once, for all commands: each ends with one line on standard
error and an exit code. Set ``RADSCRIBE_DEBUG=1`` to see tracebacks and the warnings of libraries.
"""

from __future__ import annotations

import importlib
import io
import os
import signal
import sys
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
