"""Every limit of the node, with its unit and reason. Anything that comes from a peer or a caller has one."""

from typing import Final

# ---- segments and logs
BLOCK: Final = 256  # entries per salt block and per Merkle tile (C2SP tlog-tiles)
SEGMENT_ENTRIES: Final = 8192  # per segment: one worker task, about 6 ms of hashing
SEGMENT_BYTES: Final = 1024 * 1024  # per segment message: a quarter of gRPC's default limit
DETAILS_BYTES: Final = 4096  # per details blob: a statement, not a report
TAIL_RUNS: Final = 64  # small runs of one aligned block before they are merged: bounds rows and merge cost

# ---- group commit
GROUP_OPERATIONS: Final = 1024  # operations per commit: one slow disk sync serves this many callers
GROUP_ENTRIES: Final = 65536  # feed entries per commit: about 8 MB written
QUEUE_OPERATIONS: Final = 16384  # waiting for the writer: beyond it callers are refused, not queued for ever

# ---- exchange
PROTOCOL_MAJOR: Final = 1
PROTOCOL_MINOR: Final = 0
UNACKNOWLEDGED: Final = 4  # deliveries under way per stream: bounds both sides' memory
HEARTBEAT_S: Final = 15.0  # idle publisher to follower
SILENCE_S: Final = 45.0  # without any message a follower reconnects
MESSAGE_BYTES: Final = 2 * SEGMENT_BYTES  # largest gRPC message of a peer: a segment, its checkpoint, framing
CARD_BYTES: Final = 64 * 1024  # four certificates and five keys need about 6 kB
NOTE_BYTES: Final = 16 * 1024  # a checkpoint with many cosignatures
STREAMS_PER_PEER: Final = 320  # concurrent Follow streams of one peer: every feed it may look at, and old ones ending
FEEDS_PER_PEER: Final = 256  # offered feeds a node looks at
HELLO_KEYS: Final = 1024  # epoch key ids in a Hello
CONNECT_S: Final = 10.0  # deadline of Hello and ListFeeds
RETRY_MIN_S: Final = 0.2  # first wait before a follower tries again
RETRY_MAX_S: Final = 30.0  # longest wait, with jitter
SETTLED_S: Final = 5.0  # a session that ends sooner counts as a failed attempt: the waits go on growing
CONNECTION_AGE_S: Final = 3600  # then a peer connects anew and its certificate is looked at again
CONNECTION_GRACE_S: Final = 60  # for streams of a connection that came of age
KEEPALIVE_S: Final = 60  # between pings of a quiet connection: servers refuse eager ones
KEEPALIVE_TIMEOUT_S: Final = 20  # for the answer to a ping
LIST_FEEDS_S: Final = 5.0  # between two looks at what a peer offers
STALLED_S: Final = 45.0  # a relay shows more than it delivers: then another may serve the feed in its place
HEARD_S: Final = 60.0  # between two notes in the store that an idle feed was heard from
CUT_OFF_S: Final = 2.0  # for a peer to take the status that ends its call; then it is left behind
UNRECORDED: Final = 64  # acknowledgements of one stream waiting for the writer; beyond it no more are read
DRAIN_S: Final = 10.0  # SIGTERM to exit
MAX_SILENCE_MS: Final = 7 * 24 * 3600 * 1000  # default: a feed not heard from this long caps at review

EVIDENCE_FILE_BYTES: Final = 4 * 1024 * 1024  # the largest message of a peer in base64, two cards and notes
SHOW_S: Final = 3600.0  # between two looks at which certificates are in date: they last months
PROBE_S: Final = 5.0  # of `peer check`, for a connection and then for the TLS handshake
SKEW_MS: Final = 10_000  # clock difference from which it is told: below it the network explains it

# ---- probes
PROBE_QUESTIONS: Final = 64  # that a peer may ask in an hour: four whole runs of fresh probes; a look costs 5 ms
PROBE_AGAIN_MS: Final = 24 * 3600 * 1000  # between two runs with a peer: its software changes rarely
PROBE_TYPES: Final = 64  # types in one question: every type there is
PROBE_FORM_BYTES: Final = 8192  # of the one canonical form shown: the longest there is
PROBE_ROWS: Final = 1024  # probe signals of one feed looked up: four of every type under many epochs
PROBE_DETAILS: Final = 65_536  # distinct details with the mark looked at: one a publisher, and room for nonsense
PROBE_DETAILS_BYTES: Final = 256  # of details with the mark: they have some 80
PROBES_FIRST_S: Final = 900.0  # from the start until probe signals are kept and looked up: feeds have caught up then
PROBES_EVERY_S: Final = 3600.0  # and then again; "daily" with room for nodes that run an hour a day

# ---- local listener
LOCAL_MESSAGE_BYTES: Final = 8 * 1024 * 1024  # 4,096 rows of 2 kB
PUBLISH_ROWS: Final = 4096  # per chunk: one commit
MATCH_QUERIES: Final = 4096  # per request
CHECK_TAGS: Final = 65536  # per request
CHECK_NEAR: Final = 4096  # values in the clear per Check: up to some 5 ms each among a million
NEAR_PER_FEED: Final = 64  # nearest signals of one feed in an answer: a publisher may hold a million near one another
IDENTIFIER_BYTES: Final = 8192  # the canonical forms' own limit
INLINE_VALUES: Final = 64  # canonicalised on the event loop (about 20 us each); more go to a worker
INLINE_SLOW_VALUES: Final = 4  # of slow types (about 0.3 ms each) among them
INLINE_ENTRIES: Final = 256  # verified on the event loop; more go to a worker
WITHDRAW_SIGNALS: Final = 4096  # per request
REVISE_SIGNALS: Final = 4096  # per request
CHANGES_BYTES: Final = 16 * 1024  # of a revision's changes: details at their largest, as a caller may write them
LIFE_EVENTS: Final = 1024  # entries about one signal that are shown: 4 MB of details at their largest
PROOF_EVENTS: Final = 256  # entries in one proof file: with cosigned checkpoints it still fits a local message
PROOF_BYTES: Final = 8 * 1024 * 1024  # of a proof file that is read
EXPORT_ROWS: Final = 256  # signals in one answer of an export: 3 MB at their largest, and all the node holds of it
TOKENS: Final = 1024  # per node
LOCAL_CALLS: Final = 256  # under way at once on the local listener: bounds memory at 256 requests
TALLY_KINDS: Final = 4096  # kinds of audit totals waiting in memory: all tokens with four purposes each
AUDIT_PAGE: Final = 1024  # audit entries read at once for a caller: about 400 kB
NAME_BYTES: Final = 64  # of a feed, audience, community, token or rule
POLICY_BYTES: Final = 64 * 1024  # per policy file

# ---- never-share guard
GUARD_ASKED: Final = 256  # rows of one request for a second person: more than anybody decides on one by one
GUARD_OPEN: Final = 4096  # requests that wait and approvals that stand: they are held in memory while rows are read
GUARD_SHOWN: Final = 4096  # requests in one answer
REASON_CHARS: Final = 500  # of a written reason: a paragraph, twice in one audit entry
SUBJECT_BYTES: Final = 256  # of an own user's id in a look-up: hashed at once, so only to bound the work
RADIUS_SUBJECTS: Final = 256  # users remembered of one expression: above every limit that may be configured
RADIUS_ROWS: Final = 4_000_000  # pairs of expression and user in the file: about 120 MB
RADIUS_WAITING: Final = 200_000  # pairs in memory until they are written: about 30 MB
RADIUS_FLUSH_S: Final = 5.0  # between two writes: what a crash loses

# ---- web listener
WEB_CONNECTIONS: Final = 64  # at once: a few scrapers and probes; more are closed unread
WEB_CONNECTION_S: Final = 30.0  # life of one connection, however slowly it speaks: scrapers ask every 15 s
WEB_HEAD_BYTES: Final = 8 * 1024  # of a request's line and headers
WEB_STOP_S: Final = 2.0  # for answers under way when the node stops
READY_S: Final = 2.0  # for the writer to answer a look at readiness
READY_CACHE_S: Final = 1.0  # between two looks, however many ask
METRIC_REASONS: Final = 128  # distinct refusal reasons counted by name: all of this program's, and no flood of others

# ---- own applications (tocsin_node.client)
CALL_S: Final = 60.0  # deadline of one call and its repeats: a chunk of 2,048 rows on a busy disk takes seconds
CHUNK_ROWS: Final = 2048  # rows per commit of a long publish: also what a broken one can leave undecided
CHUNK_BYTES: Final = LOCAL_MESSAGE_BYTES // 2  # values and details in one request
MATCH_BATCH: Final = 1024  # look-ups per request: the first answers of a long input come sooner
ANSWER_BYTES: Final = 64 * 1024 * 1024  # from the own node: verdicts of 4,096 look-ups with all their details
ADDRESS_BYTES: Final = 256  # of HOME/run/address: a socket path has at most 107
TOKEN_BYTES: Final = 1024  # of a token file; tokens have some 50

# ---- home
ORGANISATION_CHARS: Final = 180  # of an id: leaves room for /feed/<name> in a 255-byte origin
CONFIG_BYTES: Final = 256 * 1024  # of tocsin.toml: 256 audiences of a page each
MANIFEST_BYTES: Final = 4 * 1024 * 1024  # of a backup's list: some thousand policies and epoch keys
FREE_BYTES: Final = 64 * 1024 * 1024  # of free space below which publishes are refused before SQLite fails
SOCKET_PATH_BYTES: Final = 100  # a unix socket's path holds 107 on Linux
