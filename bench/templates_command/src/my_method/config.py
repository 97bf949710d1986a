"""How the program is run. Every value can be set with ``--set key=value``."""

from pydantic import Field

from bench import CommandConfig


class MyMethodConfig(CommandConfig):
    """The command of My Method."""

    # The first word may be the Python of another environment: ~/envs/my-method/bin/python
    command: tuple[str, ...] = Field(
        ("python3", "program.py", "--case", "{case}", "--out", "{out}", "--seed", "{seed}"),
        min_length=1,
        description="program and arguments, no shell; {case} {out} {seed} {mode} are filled in",
    )
    files: tuple[str, ...] = Field(
        ("program.py",), description="script and checkpoint that the result depends on, relative to the folder"
    )
    timeout_s: float = Field(600.0, gt=0, description="seconds for one pair; then the whole process group is killed")
