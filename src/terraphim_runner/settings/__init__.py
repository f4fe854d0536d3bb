"""What the operator may set: flags before `TERRAPHIM_*` variables before the TOML file before defaults."""
