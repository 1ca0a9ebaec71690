"""Where the roles' time goes: `python -m bench --profile worker` and `sink` write their tables here."""
