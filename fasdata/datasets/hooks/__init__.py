"""Readers of list files that say what no path does: one module a form of list."""

# Cards name hooks; nothing else is ever imported on a card's word.
HOOKS = ("casia_surf", "casia_surf_cefa", "celeba_spoof", "hifimask", "hq_wmca", "padisi_face", "siw_mv2", "wmca")
