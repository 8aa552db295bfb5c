"""`python -m tocsin_node` is the command line."""

from tocsin_node.cli.main import main

if __name__ == "__main__":
    main()
