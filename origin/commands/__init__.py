"""The subcommands of ``doorstep``: each module has ``add_parser(subparsers)`` and ``run(arguments)``."""
