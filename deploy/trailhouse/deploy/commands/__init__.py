"""The commands, one module per group; `trailhouse.deploy.cli.COMMANDS` lists them and loads only the one that is run."""
