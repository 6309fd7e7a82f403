"""`python -m interpolants train ...` and `python -m interpolants sample ...`."""

from interpolants.cli.main import main

if __name__ == "__main__":
    main()
