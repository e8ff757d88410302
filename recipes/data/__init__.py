"""The scripts that make the embedded data sets; nothing here runs when textgym is used."""
