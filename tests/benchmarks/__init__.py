"""How fast the emulator is, as ratios of one run: what it costs against the least that the same thing can cost here."""
