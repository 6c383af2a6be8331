"""`python -m radscribe` is the command line."""

from radscribe.cli.main import main

if __name__ == "__main__":
    main()
