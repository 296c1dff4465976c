"""The `workbench` command, and `python -m workbench`"""

from __future__ import annotations

import sys


def main() -> None:
    """Ends the process."""
    try:
        from workbench.cli import main as command
    except KeyboardInterrupt:  # what handles it is not imported yet
        sys.exit(130)
    command()


if __name__ == "__main__":
    main()
