-- Everything the first version keeps. Times are ms UTC. Raw identifiers stand only in own_record.sealed, encrypted.

CREATE TABLE log (
  id INTEGER PRIMARY KEY,
  origin TEXT NOT NULL UNIQUE,
  kind TEXT NOT NULL CHECK (kind IN ('audit', 'own', 'followed')),
  publisher TEXT NOT NULL,
  name TEXT,                            -- own feeds: the local name
  state TEXT NOT NULL DEFAULT 'open',   -- open; own: frozen; followed: stopped
  why TEXT,
  community TEXT,
  audience TEXT,
  created_at INTEGER NOT NULL,
  heard_at INTEGER NOT NULL DEFAULT 0,  -- followed: when the publisher last spoke
  relay INTEGER NOT NULL DEFAULT 0,     -- the descriptor lets followers serve it on
  relayed_to TEXT NOT NULL DEFAULT ''   -- followed: own audience it is served on to
);

CREATE TABLE log_head (
  log INTEGER PRIMARY KEY REFERENCES log (id),
  size INTEGER NOT NULL,
  stack BLOB NOT NULL,                  -- compact range: hashes of 32 bytes, largest subtree first
  last_time INTEGER NOT NULL            -- issued_at of the newest entry; audit: microseconds
);

-- Level 0 is derived from the entries; level 1 up as in C2SP tlog-tiles, the rightmost tile still growing.
CREATE TABLE tile (
  log INTEGER NOT NULL REFERENCES log (id),
  level INTEGER NOT NULL,
  n INTEGER NOT NULL,
  hashes BLOB NOT NULL,
  PRIMARY KEY (log, level, n)
);

CREATE TABLE checkpoint (
  log INTEGER NOT NULL REFERENCES log (id),
  size INTEGER NOT NULL,
  note BLOB NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (log, size)
);

CREATE TABLE segment (
  log INTEGER NOT NULL REFERENCES log (id),
  first INTEGER NOT NULL,
  count INTEGER NOT NULL,
  body BLOB NOT NULL,                   -- Segment message without details
  details BLOB NOT NULL,                -- u32 little-endian ids, in the order of details_number
  checksum INTEGER NOT NULL,            -- CRC-32 of body and details: a damaged page must not become a verdict
  PRIMARY KEY (log, first)
);

CREATE TABLE details (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  blob BLOB                             -- NULL once erased
);

-- Salt seeds of own feeds' blocks that are not yet whole inside one stored segment. Empty where entries came back from
-- a follower: their salts are known one by one, the seed they came from is not.
CREATE TABLE seed (
  log INTEGER NOT NULL REFERENCES log (id),
  block INTEGER NOT NULL,
  seed BLOB NOT NULL,
  PRIMARY KEY (log, block)
);

CREATE TABLE audit_entry (
  log INTEGER NOT NULL REFERENCES log (id),
  idx INTEGER NOT NULL,
  envelope BLOB NOT NULL,
  PRIMARY KEY (log, idx)
);

CREATE TABLE own_record (
  log INTEGER NOT NULL REFERENCES log (id),
  type INTEGER NOT NULL,
  tag BLOB NOT NULL,                    -- under `epoch`, the newest the signal was tagged with
  epoch INTEGER NOT NULL,
  signal INTEGER NOT NULL,
  details BLOB NOT NULL,                -- digest
  valid_until INTEGER NOT NULL,
  withdrawn INTEGER NOT NULL DEFAULT 0,
  sealed BLOB NOT NULL,                 -- empty where the identifier was lost
  PRIMARY KEY (log, type, tag)
);
CREATE UNIQUE INDEX own_record_signal ON own_record (log, signal);

CREATE TABLE peer (
  organisation TEXT PRIMARY KEY,
  root BLOB NOT NULL,                   -- pinned public key
  state TEXT NOT NULL CHECK (state IN ('active', 'paused', 'removed')),
  card BLOB NOT NULL,                   -- highest sequence seen
  sequence INTEGER NOT NULL,
  endpoint TEXT NOT NULL DEFAULT '',    -- operator's override
  added_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
);

CREATE TABLE own_card (
  sequence INTEGER PRIMARY KEY,
  note BLOB NOT NULL
);

CREATE TABLE policy (
  peer TEXT PRIMARY KEY,
  toml BLOB NOT NULL,
  digest BLOB NOT NULL,
  applied_at INTEGER NOT NULL
);

CREATE TABLE community (
  id TEXT PRIMARY KEY,
  founder TEXT NOT NULL
);

CREATE TABLE epoch (
  community TEXT NOT NULL REFERENCES community (id),
  number INTEGER NOT NULL,
  descriptor BLOB NOT NULL,             -- signed note of the founder
  PRIMARY KEY (community, number)
);

CREATE TABLE invite (
  id TEXT PRIMARY KEY,
  community TEXT NOT NULL REFERENCES community (id),
  organisation TEXT NOT NULL,
  epoch INTEGER NOT NULL,               -- newest epoch the invite carries
  at INTEGER NOT NULL
);

CREATE TABLE delivery (
  peer TEXT NOT NULL,
  log INTEGER NOT NULL REFERENCES log (id),
  size INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (peer, log)
);

-- Entries of own feeds that a peer was sent as leaf hashes only, noted before they leave: from first up to stop.
CREATE TABLE withheld (
  peer TEXT NOT NULL,
  log INTEGER NOT NULL REFERENCES log (id),
  first INTEGER NOT NULL,
  stop INTEGER NOT NULL,
  PRIMARY KEY (peer, log, first)
);

-- Peers whose serving of somebody else's feed was false: not asked for that feed again.
CREATE TABLE distrusted (
  log INTEGER NOT NULL REFERENCES log (id),
  peer TEXT NOT NULL,
  why TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (log, peer)
);

CREATE TABLE evidence (
  id INTEGER PRIMARY KEY,
  origin TEXT NOT NULL,
  peer TEXT NOT NULL,
  at INTEGER NOT NULL,
  code TEXT NOT NULL,
  sentence TEXT NOT NULL,
  proof BLOB NOT NULL,                  -- the message as received
  card BLOB,                            -- of the organisation that origin names, as it was then: the keys that judge
  held BLOB                             -- the signed note that the message contradicts
);

CREATE TABLE token (
  name TEXT PRIMARY KEY,
  roles TEXT NOT NULL,                  -- words separated by spaces
  digest BLOB NOT NULL UNIQUE,
  created_at INTEGER NOT NULL,
  revoked_at INTEGER
);
