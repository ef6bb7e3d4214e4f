"""`python -m mailvault`, the same as the script `mailvault`."""

from mailvault.cli import main

if __name__ == "__main__":
    main()
