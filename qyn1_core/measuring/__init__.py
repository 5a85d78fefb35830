"""Where time goes (profile), where bytes go (explain), whether it got worse (bench), which settings to use (tune).

Nothing that packs or opens packages imports this package; the command line does.
"""
