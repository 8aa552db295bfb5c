-- Requests to publish what the never-share guard blocks, and what a second person made of them. The value stands only
-- sealed, and as a keyed hash by which it is found. Times are ms UTC.

CREATE TABLE guard_request (
  id INTEGER PRIMARY KEY,
  log INTEGER NOT NULL REFERENCES log (id),
  type INTEGER NOT NULL,
  key BLOB NOT NULL,
  sealed BLOB NOT NULL,
  tag TEXT NOT NULL,                    -- the first 8 hex digits, for people
  rules TEXT NOT NULL,                  -- words separated by spaces: what it sets aside
  users INTEGER NOT NULL,               -- own users it would have hit when it was asked for
  state TEXT NOT NULL CHECK (state IN ('pending', 'approved', 'refused', 'withdrawn')),
  asked_by TEXT NOT NULL,               -- names of tokens
  asked_why TEXT NOT NULL,
  asked_at INTEGER NOT NULL,
  decided_by TEXT NOT NULL DEFAULT '',
  decided_why TEXT NOT NULL DEFAULT '',
  decided_at INTEGER NOT NULL DEFAULT 0,
  ends_at INTEGER NOT NULL              -- of a pending request: nobody may approve it later; approved: of the approval
);
CREATE INDEX guard_request_by_state ON guard_request (state, ends_at);
