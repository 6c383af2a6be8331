"""`radscribe` and `python -m radscribe`: Ctrl-C ends the command line in one line even while it loads."""

import os
import sys


def run() -> None:
    """Load and run the command line."""
    try:
        from radscribe.cli.main import main
    except KeyboardInterrupt:
        sys.stderr.write("radscribe: interrupted\n")
        sys.stderr.flush()
        os._exit(130)
    main()


if __name__ == "__main__":
    run()
