"""What the BitTorrent protocols look like: bencoding, messages, encryption, trackers and the table of nodes."""
