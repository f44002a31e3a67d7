"""Style of the gallery's figures: a transparent ground, sharp enough for thumbnails."""


def transparent(gallery_conf, script):
    """Set matplotlib's defaults before each script."""
    from matplotlib import rcParams

    rcParams["savefig.transparent"] = True
    rcParams["figure.dpi"] = rcParams["savefig.dpi"] = 130
