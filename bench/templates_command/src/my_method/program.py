"""An example of a program: the photo, then the driving frames. It runs in any Python."""

import argparse
import shutil
from pathlib import Path


def main() -> None:
    """Read a case, write its frames."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", type=Path, required=True, help="source.png, driving/%%06d.png, annotations")
    parser.add_argument("--out", type=Path, required=True, help="folder for %%06d.png")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for number, frame in enumerate(sorted((args.case / "driving").glob("*.png"))):
        shutil.copy(frame if number else args.case / "source.png", args.out / frame.name)
    print(f"seed {args.seed}: {len(list(args.out.iterdir()))} frames")


if __name__ == "__main__":
    main()
