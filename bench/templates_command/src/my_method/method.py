"""Nothing to change here: the suite writes a pair as files, runs the command and reads the frames back."""

from bench import CommandMethod

from .config import MyMethodConfig
from .spec import SPEC


class MyMethod(CommandMethod):
    """Runs the command of its config."""

    spec = SPEC
    config: MyMethodConfig
