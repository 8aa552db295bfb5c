"""Other people's software doing the same work, each script inside that software's own environment.

A guest is started as `python guest_NAME.py FOLDER`; FOLDER holds `rows.json` (the URLs to share) and `lookups.json`
(the URLs to look up, half of them shared). It prints one JSON object: seconds to publish, to fetch and to look up, and
the hits it found; `guest_faiss` has other files and figures, which it says itself. It uses nothing of this project.
"""
