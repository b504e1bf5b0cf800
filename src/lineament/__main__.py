"""`python -m lineament`: the command line, where its script is not on the path."""

from lineament.cli.main import main

if __name__ == "__main__":
    main()
