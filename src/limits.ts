/**
 * Every bound of the system, with its unit in the name and its reason beside it. Past a bound comes a coded
 * error, never a crash and never a silent truncation.
 */
export const limits = {
  /** Machine and matcher steps of one turn; then it is cut at the next parallel branch. Keeps a turn near 1 ms. */
  turn_steps_max: 10_000,
  /** Steps of one expression or one deep match; past it that branch ends with `too_much_work`. */
  expression_steps_max: 1_000_000,
  /** Steps that one pattern may spend on one datum; past it the pattern counts as not matching, visibly. */
  match_steps_max: 100_000,
  /** Bytes of one value built by a program (strings, byte arrays, collections: estimated). Forty doublings end here. */
  value_bytes_max: 16 * 1024 * 1024,
  /** Variables that the receives of one term capture, summed over its receives. Bounds the cost of compiling it. */
  term_captures_max: 1_000_000,
  /** Nesting of values and terms that the codec accepts; deeper input is refused. */
  value_depth_max: 1_000_000,
  /** Bytes of one encoding in memory, a journal entry included; a runaway encoder ends here, not in the allocator. */
  encoded_bytes_max: 1024 * 1024 * 1024,
  /** Bytes of program text accepted by one deploy. */
  source_bytes_max: 16 * 1024 * 1024,
  /** Digits of one big-integer literal: reading them takes more than linear time. */
  literal_digits_max: 100_000,
  /** Ready and parked tasks of one account; past it new tasks of it are refused with `too_many_tasks`. */
  account_tasks_max: 1_000_000,
  /** Tasks of one account that are outside at once; past it its ready tasks wait until one is finished. */
  account_outside_tasks_max: 10_000,
  /** Milliseconds of tasks and steps that one refill of a quota is worth. Short, so that who is slowed goes on smoothly. */
  refill_ms: 100,
  /** Channels of one join. */
  join_channels_max: 256,
  /** Values in one message. */
  message_values_max: 4096,
  /** Top-level positions of a message that the index files; a pattern can only be selective on these. */
  indexed_positions_max: 4,
  /** Bytes of an index key kept as such; longer values are filed by hash. */
  index_key_bytes_max: 64,
  /** Items of a channel kept in its one row; past it they get rows of their own. */
  inline_items_max: 24,
  /** Bytes of a value above which it is stored once, by hash, as a blob. */
  inline_bytes_max: 64 * 1024,
  /**
   * Bytes of a byte array from which on a journal entry names it by hash, and it is a blob: about where two syncs for a new
   * one cost less than writing it twice, and looking up a known one much less.
   */
  entry_bytes_min_outside: 16 * 1024,
  /** Bytes of blobs that are kept in memory, to see that the same come again: some of what programs read over and over. */
  bytes_recent_max: 8 * 1024 * 1024,
  /** Blobs of which is remembered that they are durable: putting one again costs nothing. Some 100 bytes each. */
  blobs_known_max: 16_384,
  /** Bytes of journal since the last row cut; past it the rows are brought up to date. Bounds recovery time. */
  journal_tail_bytes_max: 12 * 1024 * 1024,
  /** Bytes of the first file of a journal that is opened: small, for most spaces are. Each next one is larger. */
  journal_segment_bytes_min: 64 * 1024,
  /**
   * Bytes of a file of a journal, but where one entry is larger: few enough to read one at once, and so many that going on
   * to the next is rare. Room for two of them is kept when their entries are forgotten.
   */
  journal_segment_bytes_max: 8 * 1024 * 1024,
  /** Milliseconds after which rows are brought up to date even when the tail is small. */
  journal_tail_age_ms_max: 1_000,
  /** Bytes of the channel cache (estimated size of clean and dirty channels in memory). */
  cache_bytes_default: 256 * 1024 * 1024,
  /** Bytes of row blocks that the database keeps in memory, beside the channel cache. */
  row_blocks_bytes_default: 16 * 1024 * 1024,
  /**
   * Bytes that a data directory keeps for a full disk: to open the rows again, which may write the log of the last run,
   * 4 MiB and one batch, anew before they drop it, and to record what is still under way.
   */
  ballast_bytes: 6 * 1024 * 1024,
  /**
   * Bytes that changes of files leave on the file system of the data directory: as much as journal and rows may need at
   * once, behind the back of whoever writes. So what contracts write never stops the space.
   */
  journal_room_bytes: 5 * 1024 * 1024,
  /** Bytes of answers that a commit may gather while the one before it is written; past it turns wait. */
  commit_ahead_bytes_max: 8 * 1024 * 1024,
  /**
   * Milliseconds for which turns that nobody waits for are kept from the disk, so that one sync does for them and for what
   * follows from them. A crash takes at most so much more of them; less than the disk takes for a few syncs.
   */
  commit_delay_ms: 2,
  /** Bytes of answers in a commit past which it is written although nobody waits for it. */
  commit_delay_bytes_max: 1024 * 1024,
  /** Milliseconds of turns between two yields to the event loop. Never shows in the record. */
  yield_ms: 4,
  /** Causes waiting for their turn, each with a caller who waits for its answer; past it, `too_many_tasks`. */
  causes_waiting_max: 1_048_576,
  /** Milliseconds a native call may take when its caller gives no limit. */
  native_call_ms_default: 30_000,
  /** Effects of one account running at once. */
  effects_running_max: 64,
  /** Records one account may put on STDERR at once; beyond it they are dropped and counted. A screenful, twice. */
  stderr_records_burst_max: 100,
  /** Records a second by which an account's STDERR allowance grows again. */
  stderr_records_per_second: 10,
  /** Failures of branches kept with their text for each account; all are counted. */
  failures_kept_max: 8,
  /** Characters of one failure's text that are kept or reported. */
  failure_text_max: 1_000,
  /** Nesting of a native's answer; natives are not trusted to stop. */
  answer_depth_max: 1_000,
  /** Bytes of one native's answer in canonical form. Larger things are handed out as channels of chunks. */
  answer_bytes_max: 17 * 1024 * 1024,
  /** Records for STDERR that one answer may bring. */
  answer_notes_max: 16,
  /** Sources that one deploy may have open: each is a fact in memory, and most hold a socket or a timer. */
  sources_max: 1_024,
  /** Messages of a source that may lie unread before its native has to wait, unless it says otherwise. */
  source_unread_default: 64,
  /** The most that a native may say: it bounds what a program that never reads can pile up. */
  source_unread_max: 65_536,
  /** Methods that one restriction names. */
  restrict_methods_max: 256,
  /** Milliseconds of a limit or an expiry that a program sets: ten years, far from the end of the safe integers. */
  capability_ms_max: 10 * 366 * 24 * 3_600_000,
  /** Calls that a program counts. */
  capability_calls_max: 2 ** 40,
  /** Capabilities derived one from another: each is looked at in every call. */
  capability_depth_max: 32,
  /** Derived capabilities of one deploy that stand; each is a fact in memory. */
  capabilities_max: 10_000,
  /** Accounts remembered as users of one derived capability. */
  capability_users_max: 16,
  /** Milliseconds for which rows of the audit are kept, unless the operator says otherwise: ninety days. */
  audit_age_ms_default: 90 * 24 * 3_600_000,
  /** Bytes of rows of the audit that are kept, unless the operator says otherwise: some million calls. */
  audit_bytes_default: 64 * 1024 * 1024,
  /** The longest time that an operator may keep them: a hundred years, far from the end of what a date can be. */
  audit_age_ms_max: 100 * 366 * 24 * 3_600_000,
  /** The most that an operator may keep: 1 TiB. */
  audit_bytes_max: 2 ** 40,
  /** Rows after which it is looked whether some are too old or too many. */
  audit_trim_rows: 512,
  /** Words of the audit (who called what, under which grant) that rows name by a number; each is a fact in memory. */
  audit_words_max: 1024,
  /** Objects that one answer may hand out. */
  answer_objects_max: 256,
  /** Milliseconds for which a clean stop waits for changes that are under way. */
  effects_drain_ms: 2_000,
  /** Bytes of one file read in one reply. */
  read_bytes_max: 16 * 1024 * 1024,
  /** Bytes of one line of standard input. */
  line_bytes_max: 1024 * 1024,
  /** Lines of standard input that lie unread before no more are asked for: a screenful, twice. */
  lines_unread_max: 64,
  /** Bytes of a path that a contract gives; Linux takes no longer one. */
  path_bytes_max: 4095,
  /** Bytes of one part of a path; no common file system takes more. */
  path_part_bytes_max: 255,
  /** Parts of a path: each costs an open directory while it is walked. */
  path_parts_max: 64,
  /** Names in one listing of a directory: it is one value. */
  directory_entries_max: 16_384,
  /** Bytes of a file that a contract makes; keeps offsets far from the end of the safe integers. */
  file_bytes_max: 2 ** 40,
  /** Files and directories that an operator can allot; more than any file system is made for. */
  file_entries_max: 2 ** 40,
  /** Milliseconds before each further attempt of a read that the machine has failed. */
  file_retry_ms: [50, 200],
  /** Chunks on the channel that one call of `chunks` answers. */
  file_chunks_max: 4096,
  /** Outcomes of file changes kept on record for one root; past it the oldest half is forgotten. Far more than run at once. */
  file_effects_max: 8_192,
  /** Milliseconds for which the addresses of a name are kept: many calls, one question. Short, for names move. */
  lookup_kept_ms: 10_000,
  /** Names whose addresses are kept. */
  lookups_kept_max: 1_024,
  /** Addresses of one name that are looked at. */
  lookup_addresses_max: 32,
  /** Bytes of a configuration file: what a person writes, many times over. */
  config_bytes_max: 1024 * 1024,
  /** Nesting of a configuration; deeper input is refused before it is read. */
  config_depth_max: 64,
  /** Mistakes of a configuration that are told in one run: more than a person mends before the next. */
  config_mistakes_max: 100,
  /** Bytes of one document that an operator gives to contracts, and of a file that holds a secret. */
  document_bytes_max: 1024 * 1024,
  /** Bytes of a `host:port` that a contract gives: the longest name and a port. */
  endpoint_bytes_max: 320,
  /** Open sockets of one TCP or UDP grant when its operator does not say. */
  sockets_default: 256,
  /** The most that an operator may say: each is a descriptor of the process. */
  sockets_max: 16_384,
  /** The most that an operator may say; more than any network card moves. */
  bytes_per_second_max: 100_000_000_000,
  /** Milliseconds for opening a connection when the operator does not say: three repeated packets of TCP. */
  connect_ms_default: 10_000,
  /** Milliseconds in which nothing came or went, after which a connection is closed when the operator does not say. */
  socket_idle_ms_default: 300_000,
  /** The most that an operator may say, a day: a connection that nobody refers to any more ends by this alone. */
  socket_idle_ms_max: 86_400_000,
  /** Milliseconds after which a silent peer is asked whether it is there: less than routers forget connections in. */
  socket_keep_alive_ms_default: 60_000,
  /** Bytes that wait in one socket for somebody to receive them, when the operator does not say. */
  socket_receive_bytes_default: 256 * 1024,
  /** Bytes of what ends a piece that `receiveUntil` looks for. */
  delimiter_bytes_max: 64,
  /** Ends of connections that are remembered with their reason, for calls that come after. */
  socket_ends_kept_max: 1_024,
  /** Milliseconds in which a bound port waits for its source to be durable; then nobody will ever ask for it. */
  port_claim_ms: 60_000,
  /** Bytes of one datagram: what fits into one of IPv4. */
  datagram_bytes_max: 65_507,
  /** Datagrams sent in a second when the operator does not say. */
  datagrams_per_second_default: 1_000,
  /** The most that an operator may say. */
  datagrams_per_second_max: 1_000_000,
  /** Times as many bytes may go back as came, at most: beyond this a grant would be a weapon. */
  reply_ratio_max: 64,
  /** Senders of datagrams that are remembered as such; past it the one longest silent is forgotten. */
  reply_senders_max: 4_096,
  /** Bytes of the name of a node; it stands in every handshake. */
  peer_name_bytes_max: 32,
  /** Other nodes in one configuration: each costs two connections. */
  peer_nodes_max: 64,
  /** Bytes of the secret of two nodes: as many as the keys that are made of it. */
  peer_secret_bytes_min: 32,
  /** Canonical bytes of one message between nodes; larger things go another way, with their hash in a message. */
  peer_message_bytes_max: 1024 * 1024,
  /** Bytes of a frame between nodes beside its message: ids, names, a list of what is remembered. */
  peer_frame_room_bytes: 16 * 1024,
  /** Bytes of a frame before the other node has said hello: it has authenticated itself, and nothing more. */
  peer_hello_bytes_max: 4 * 1024,
  /** Nesting of a message between nodes; the other one is not trusted to stop. */
  peer_message_depth_max: 500,
  /** Messages to one node about one topic that it may have and is not known to have forgotten: those are on the way. */
  peer_unsettled_max: 32,
  /** Messages of one node that an inbox remembers or holds. Twice as many as may be on the way, for an inbox may follow another. */
  peer_remembered_max: 64,
  /** Messages kept for one node until they have arrived. */
  peer_outbox_max: 4_096,
  /** Bytes of them. */
  peer_outbox_bytes_max: 64 * 1024 * 1024,
  /** Bytes that came from one node and wait for their inbox; past it nothing more is read from it. */
  peer_inbox_bytes_max: 4 * 1024 * 1024,
  /** Bytes that wait in one connection to be sent; past it messages wait in the outbox. */
  peer_write_bytes_max: 1024 * 1024,
  /** Inboxes of one space: topics that operators have named. */
  peer_topics_max: 256,
  /** Milliseconds of a handshake, its hello included; a connection that says nothing ends by this. */
  peer_handshake_ms: 5_000,
  /** Connections whose handshake is not over yet; past it new ones are dropped, for each costs a few KiB. */
  peer_handshakes_max: 64,
  /** Milliseconds between two words of a node that has nothing to say. */
  peer_alive_ms: 1_000,
  /** Milliseconds of silence after which a node is taken for gone: a few lost words, no short stall. */
  peer_silence_ms: 5_000,
  /** Milliseconds before the second try to connect; each one after waits twice as long, with some chance in it. */
  peer_retry_ms_min: 50,
  /** The longest wait between two tries: a node that comes back is found soon. */
  peer_retry_ms_max: 5_000,
  /** Milliseconds between two reports of one kind about one node: who knocks often is not written down often. */
  peer_report_ms: 10_000,
  /** The longest time that a sender can give, a year. */
  peer_limit_ms_max: 31_536_000_000,
  /** Bytes of the name of a header. */
  http_header_name_bytes_max: 256,
  /** Bytes of the value of a header: what most servers take. */
  http_header_value_bytes_max: 8 * 1024,
  /** Headers of one request, and of one answer. */
  http_headers_max: 256,
  /** Bytes of all headers of one request, and of one answer. */
  http_headers_bytes_max: 32 * 1024,
  /** Bytes that are read before the head of an answer is whole, interim answers and all: what a parser counts is less. */
  http_head_bytes_max: 1024 * 1024,
  /** Entries of each list in a grant of HTTP: all of them are looked through for each request. */
  http_rules_max: 256,
  /** Bytes of certificates that a configuration holds as text. */
  http_ca_bytes_max: 256 * 1024,
  /** Bytes of a body that is sent or answered as one value, when the operator does not say. */
  http_body_bytes_default: 2 * 1024 * 1024,
  /** The most that an operator may say: it is one value. */
  http_body_bytes_max: 16 * 1024 * 1024,
  /** Bytes of a body that comes in chunks, when the operator does not say. */
  http_stream_bytes_default: 1024 * 1024 * 1024,
  /** The most that an operator may say. */
  http_stream_bytes_max: 2 ** 40,
  /** Bytes of one chunk of a body. */
  http_chunk_bytes_max: 1024 * 1024,
  /** Bytes of one chunk when the caller does not say. */
  http_chunk_bytes_default: 64 * 1024,
  /** Chunks of one body that may lie unread; then its sender waits. */
  http_chunks_unread_max: 16,
  /** Bytes of one body that wait in memory before its connection is read no further. */
  http_waiting_bytes_max: 256 * 1024,
  /** Milliseconds in which a body in chunks waits for its channel to be durable; then nobody will ever ask for it. */
  http_claim_ms: 10_000,
  /** Requests a second, when the operator does not say. */
  http_rate_default: 1_000,
  /** The most that an operator may say. */
  http_rate_max: 1_000_000,
  /** Requests at once after a pause, when the operator does not say. */
  http_burst_default: 1_000,
  /** Requests of one grant under way at once, when the operator does not say; as many as one account may have. */
  http_open_default: 64,
  /** The most that an operator may say: each is a descriptor of the process. */
  http_open_max: 1_024,
  /** Requests of one grant that wait for others to end; past it `rate_limited`. */
  http_waiting_max: 1_024,
  /** Connections to one address of one origin; past it requests wait for one. As many as an account has effects. */
  http_connections_max: 64,
  /** Pools of connections, one for each origin and address; past it an idle one is closed. */
  http_pools_max: 256,
  /** Milliseconds for which an idle connection is kept, whatever its server offers. */
  http_keep_alive_ms_max: 60_000,
  /** Bytes of the headers of an answer that are kept as they were read, for the next from the same place: longer are rare. */
  http_head_kept_bytes_max: 2 * 1024,
  /** Bytes of a body that are kept with what was made of it, for the next answer from the same place. */
  http_answer_kept_bytes_max: 4 * 1024,
  /** Milliseconds until the headers of an answer, when the operator does not say. */
  http_headers_ms_default: 15_000,
  /** Milliseconds between two parts of a body, when the operator does not say. */
  http_idle_ms_default: 15_000,
  /** Milliseconds of a whole call, when the operator does not say. */
  http_whole_ms_default: 25_000,
  /** The most that an operator may say: a call of a native is answered `timed_out` soon after. */
  http_whole_ms_max: 29_000,
  /** Milliseconds of a body in chunks, when the operator does not say: an hour. */
  http_stream_ms_default: 3_600_000,
  /** The most that an operator may say: a day. */
  http_stream_ms_max: 86_400_000,
  /** Redirects followed in one call, when neither operator nor caller say. */
  http_redirects_default: 5,
  /** The most that an operator may say. */
  http_redirects_max: 20,
  /** Times that a request which may be repeated is, when its connection failed before there was an answer. */
  http_repeats_max: 2,
  /** Milliseconds before the first repetition; each next one waits four times as long. */
  http_repeat_ms: 50,
  /** Bytes of the body of a redirect that are read over so that its connection can be used again. */
  http_skipped_bytes_max: 64 * 1024,
  /** Times as large as it came that a compressed body may become. No text compresses better; bombs do. */
  http_inflated_ratio_max: 200,
  /** Bytes that a compressed body may have whatever its ratio: small ones are often all alike. */
  http_inflated_bytes_free: 256 * 1024,
  /** Nesting of JSON that is read into values, or written from them. */
  json_depth_max: 500,
  /** Channels in one report: it is for people, and for programs that can ask for one channel. */
  report_channels_max: 1_000,
  /** Data, and continuations, of one channel in a report. */
  report_items_max: 100,
  /** Milliseconds that a fork lives when nobody says; a query is over within them. */
  fork_ms_default: 30_000,
  /** The most that somebody may say: as long as it is open the space keeps what it changes. */
  fork_ms_max: 10 * 60_000,
  /** Forks of one space that are open at once. */
  forks_max: 64,
  /** Channels, continuations and messages of its space at which a fork looks or that are kept for it; and what it puts down. */
  fork_items_max: 200_000,
  /** Messages, and continuations, of one channel that are kept for a fork that has not looked; one that looks later conflicts. */
  fork_kept_items_max: 4_096,
  /** Tasks of one account that are to run in a fork. */
  fork_tasks_max: 100_000,
  /** Continuations of which a report says why they have not fired; `explain` says it of those of one channel. */
  report_explanations_max: 20,
  /** Messages on one channel that are held against a pattern to say where they differ, oldest first. */
  explain_candidates_max: 10,
  /** Nodes of one value or of the code of one continuation that are looked at to find who could still send. */
  explain_nodes_max: 10_000,
  /** Who could still send on one channel, as they are named. */
  explain_senders_max: 20,
  /** Bytes of one line on a control socket: the longest program, as JSON writes it, and a report of everything. */
  control_line_bytes_max: 128 * 1024 * 1024,
  /** Commands that ask one owner of a directory at once; each is a process of the same user. */
  control_connections_max: 256,
  /** Questions that one of them has under way at once. */
  control_requests_max: 64,
  /** Deploys that one question names. */
  control_deploys_max: 1_000_000,
  /** Rows that were sent and not yet taken; past it the sender waits. */
  control_items_max: 256,
  /** Milliseconds in which whoever holds a directory says who it is; else it is stopped, or has lost its way. */
  control_greeting_ms: 5_000,
  /** Milliseconds for which a command waits for whoever is just opening or closing a directory. */
  control_wait_ms: 2_000,
  /** Milliseconds between two looks at it. */
  control_retry_ms: 25,
  /** Characters of one datum or continuation in a report. */
  report_item_chars_max: 2_000,
  /** Bytes of one input of a hash or a signature: they are computed in the turn, at 10 to 40 nanoseconds a byte. */
  crypto_bytes_max: 64 * 1024,
  /** Random bytes of one answer: it is one value in the journal, and keys are short. */
  random_bytes_max: 64 * 1024,
  /** Milliseconds of the longest delay or period, over 300 years: sums with the clock stay safe integers. */
  timer_delay_ms_max: 10_000_000_000_000,
  /** The latest moment there is a date for, in milliseconds since 1970. */
  moment_ms_max: 8_640_000_000_000_000,
  /** Timers of one grant when its operator does not say; each is a fact and a place in a queue. */
  timers_default: 256,
  /** The most that an operator may say. */
  timers_max: 65_536,
  /** Milliseconds of the shortest period when the operator does not say: each tick is a turn and a commit. */
  timer_period_ms_default: 10,
  /** Bytes, about, of a value that a timer keeps until it fires: it is a fact, and facts are in memory. */
  timer_value_bytes_max: 64 * 1024,
  /** Milliseconds after which a sleeping timer looks at the clock again: it may have been set, or the machine slept. */
  timer_look_ms: 60_000,
  /** Cores that a configuration may name: no machine has more, so a larger number is a mistake. */
  machine_cores_max: 65_536,
  /** Bytes of memory or disk that a configuration may name: a pebibyte. */
  machine_bytes_max: 2 ** 50,
  /** Open files that a configuration may name: the most that Linux can be told. */
  machine_open_files_max: 1_073_741_816,
  /** Entries of the space's directory that are added up to tell how much of the disk it uses. */
  machine_entries_max: 100_000,
  /** Directories from a control group up to the root of its tree. */
  machine_groups_max: 64,
  /** Bytes of one file of /proc or of a control group: they are short, whatever else stands at their place. */
  machine_text_bytes_max: 1024 * 1024,
  /** Bytes of one frame between the service and a client. */
  wire_frame_bytes_max: 4 * 1024 * 1024,
  /** Bytes of the first frame of a client, of whom nothing is known yet. */
  wire_hello_bytes_max: 16 * 1024,
  /** Messages in one frame. */
  wire_frame_messages_max: 4_096,
  /** Nesting of what a client says; it is read on the stack. */
  wire_depth_max: 190,
  /** Characters of a signed token: many claims, many times over. */
  wire_token_chars_max: 4_096,
  /** Names that one request makes. */
  wire_names_max: 1_024,
  /** Deliveries of one watch or standing receive that may be under way when its client does not say. */
  wire_credit_default: 64,
  /** The most that a client may say. */
  wire_credit_max: 65_536,
  /** Milliseconds that a client waits for the welcome of one connection. A service that is just starting needs some. */
  client_dial_ms: 10_000,
  /** Milliseconds in which the first connection of a client must come about; then `connect` rejects. */
  client_connect_ms: 30_000,
  /** Milliseconds between two pings of a client. Twice that long a silence, and the connection is taken for dead. */
  client_heartbeat_ms: 15_000,
  /** Milliseconds before the second dial; each further delay is twice as long. */
  client_backoff_ms: 100,
  /** The longest of these delays: a service that comes back is found this soon. */
  client_backoff_ms_max: 10_000,
  /** Bytes that a client has handed to its socket and that are not yet sent; past it further requests wait their turn. */
  client_buffered_bytes_max: 1024 * 1024,
  /** Milliseconds until a client looks again whether its socket has taken something: WebSockets do not tell. */
  client_drain_ms: 5,
  /** Requests of one client that wait to be sent; past it they are refused with `rate_limited`. */
  client_requests_waiting_max: 65_536,
  /** Milliseconds by which an acknowledgement may come later than the next request, which carries it. */
  client_ack_ms: 25,
  /** Deliveries after which it is sent at once: what is not acknowledged the service has to keep. */
  client_ack_deliveries_max: 256,
  /** Milliseconds in which the head of a request over HTTP has come. */
  service_headers_ms: 10_000,
  /** Origins that a configuration lets in; each is looked through at a connection. */
  service_origins_max: 100,
  /** Milliseconds that a configuration may keep the session of a client that has gone: a year. */
  service_session_ms_max: 366 * 24 * 60 * 60 * 1_000,
  /** Milliseconds in which a node that is told to go has gone; less than service managers give. */
  service_shutdown_ms_default: 15_000,
  /** The most that a configuration may say. */
  service_shutdown_ms_max: 10 * 60 * 1_000,
  /** Characters of a `traceparent` that comes with a message: today's has 55, and later ones may say more. */
  trace_parent_chars_max: 256,
  /** Steps of one message that are followed; a program that goes on for ever is not followed for ever. */
  telemetry_steps_max: 1_000,
  /** Spans that wait to be sent; past it they are dropped, for a collector that is gone must cost no memory. */
  telemetry_waiting_max: 8_192,
  /** Spans of one request to the collector. */
  telemetry_batch_max: 512,
  /** Milliseconds for which spans are gathered. */
  telemetry_delay_ms: 500,
  /** Milliseconds for one request to the collector. */
  telemetry_send_ms: 5_000,
  /** Keys that tokens of a node are verified with: the newest, and those of earlier rotations. */
  auth_keys_max: 8,
  /** Characters of a token: it names a holder and perhaps some spaces. */
  auth_token_chars_max: 8 * 1024,
  /** Milliseconds for which a token may hold: ten years. What lives longer is forgotten about. */
  auth_lifetime_ms_max: 10 * 366 * 24 * 60 * 60 * 1_000,
  /** Spaces of one node; each is two databases, and files that are open. */
  node_spaces_max: 1_000,
  /** Milliseconds in which all of a request has come. */
  service_request_ms: 60_000,
  /** Bytes of one message between a node and a host: an answer as large as one may be, and what surrounds it. */
  host_message_bytes_max: 17 * 1024 * 1024 + 64 * 1024,
  /** Nesting of such a message: that of an answer, and what surrounds it. */
  host_message_depth_max: 1_016,
  /** Characters of one text of a host: documentation, a reason, a line of its log. */
  host_text_max: 64 * 1024,
  /** Natives that one host announces, and methods of one of them: a person has written each. */
  host_natives_max: 64,
  host_methods_max: 256,
  /** Values of a call that is read without a declaration, so that it can be answered that its host was never there. */
  host_undeclared_args_max: 16,
  /** Calls under way at one host when its operator does not say; the next wait. */
  host_calls_default: 64,
  /** Calls that wait for their turn at one host when its operator does not say; past it, `busy`. */
  host_queue_default: 256,
  /** The most that an operator may say of either. */
  host_calls_max: 4_096,
  /** Answers that a host may owe, those that nobody waits for any more included; past it, `busy`. */
  host_unanswered_max: 8_192,
  /** Changes that one host has prepared and not yet confirmed as finished; past it, `busy`. */
  host_prepared_max: 1_024,
  /** Messages of one source that a host may have pushed ahead of the answers. It is to wait for each. */
  host_pushes_max: 64,
  /** Nodes that one host behind a port serves at once. */
  host_sessions_max: 256,
  /** Milliseconds from the start of a host to its welcome, when its operator does not say. */
  host_start_ms_default: 10_000,
  /** The most that an operator may say: as long as DeFiChain's test containers were given. */
  host_start_ms_max: 120_000,
  /** Milliseconds that a host has to stop before it is killed. */
  host_stop_ms: 5_000,
  /** Milliseconds before the first start after an end, doubled with each; never more than the second. */
  host_restart_ms_min: 100,
  host_restart_ms_max: 30_000,
  /** Ends in a row after which a host is given up, when its operator does not say. */
  host_restarts_default: 5,
  /** Milliseconds of life after which an end is no longer counted together with those before it. */
  host_stable_ms: 10_000,
  /** Milliseconds between two repetitions of what a host has not confirmed. */
  host_retry_ms_min: 50,
  host_retry_ms_max: 5_000,
  /** Milliseconds between two questions whether a host is there. */
  host_ping_ms: 5_000,
  /** Milliseconds without a word after which a host behind a URL is taken for gone: a machine may vanish without one. */
  host_silent_ms_default: 30_000,
  host_silent_ms_max: 600_000,
  /** Characters of one line that a host writes into the log, and lines a second. */
  host_line_max: 4_096,
  host_lines_per_second: 1_000,
  /** Names that one holder was given and has not released; each is a row in memory. */
  session_capabilities_max: 100_000,
  /** Requests of one session that wait: for a reply, for a message, for another request. */
  session_requests_max: 4_096,
  /** Deliveries of one session that are not acknowledged; past it the session ends, for nobody is there any more. */
  session_deliveries_max: 65_536,
  /** Bytes of them. */
  session_deliveries_bytes_max: 64 * 1024 * 1024,
  /** Deliveries of one session past which nothing new is begun for it: half of what ends it. */
  session_deliveries_slow: 16_384,
  /** Queries and estimates of one holder that run at once; the others wait for their turn. Forks are for all. */
  session_forks_max: 4,
  /** What one of them may cost, by the price list: some seconds of a processor. */
  session_fork_cost_max: 50_000_000,
  /** Bytes of what one answers: it must fit into a frame, with tokens in the place of names. */
  session_fork_answer_bytes_max: 1024 * 1024,
  /** Bytes of deliveries past which those of one commit are another fact: a row is read and written as a whole. */
  session_kept_bytes: 256 * 1024,
  /** Requests applied in one turn; a larger frame becomes several. */
  session_turn_requests: 128,
  /** Messages that a standing receive takes in one turn. */
  session_turn_deliveries: 64,
  /**
   * Programs that clients of one holder started and that are at rest, of which each stays on record; older ones go. Enough
   * for somebody to see what was started of late, and so few that a client cannot fill the memory by starting programs.
   */
  client_deploys_kept: 256,
  /** Sessions of one space. */
  sessions_max: 65_536,
  /** Sessions of one holder. */
  sessions_holder_max: 16_384,
  /** Milliseconds for which a session without a connection is kept when the operator does not say: a day. */
  session_kept_ms_default: 24 * 3_600_000,
  /** Recordings of one space at once: each costs a hash of every commit. */
  recorders_max: 8,
  /** Bytes of a trace that wait for who takes it; past it the recording ends, for the space does not wait. */
  trace_stream_bytes_max: 16 * 1024 * 1024,
  /** Bytes of a trace that a client may be sent before it has asked for more. */
  wire_record_credit_max: 16 * 1024 * 1024,
  /** Bytes of a trace that a client lets come before it has taken any. */
  client_record_credit_bytes: 1024 * 1024,
  /** Bytes of a trace in one frame. */
  wire_record_bytes_max: 256 * 1024,
  /** Bytes of a trace that are compressed together: enough to find what repeats, and no more is lost to a crash. */
  trace_block_bytes: 256 * 1024,
  /** Bytes of a trace that wait to be compressed, and as many that wait to be written; past it whoever records waits. */
  trace_pending_bytes_max: 8 * 1024 * 1024,
  /** Bytes of a keyframe that wait to be compressed while more of it is read. */
  trace_keyframe_ahead_bytes_max: 4 * 1024 * 1024,
  /** Bytes of a trace between two keyframes: what is replayed at most before a turn in the middle is shown. */
  trace_keyframe_bytes: 64 * 1024 * 1024,
  /** Bytes of one block of a trace that is read: a commit with as much in it as may lie in memory is one. */
  trace_block_bytes_max: 1024 * 1024 * 1024,
  /** Arrows of a sequence diagram: more is read by nobody. */
  trace_chart_arrows_max: 2_000,
  /** Turns back to which the chain of causes of a departure, or of what is shown, is known. */
  trace_chain_turns_max: 1_000_000,
  /** Bytes of one request in JSON-RPC, as of one frame. */
  rpc_body_bytes_max: 4 * 1024 * 1024,
  /** Requests of one batch in JSON-RPC. */
  rpc_batch_max: 256,
  /** Milliseconds in which a connection has said hello and was welcomed. */
  wire_hello_ms: 10_000,
  /** Frames that a client has sent before its welcome and that were read already. */
  wire_frames_held_max: 64,
  /** Milliseconds between two signs of life of a connection; after two without any it is gone. */
  wire_ping_ms_default: 20_000,
  /** The same, where its operator says how many: less would be noise, more would keep what is gone for long. */
  wire_ping_ms_min: 100,
  wire_ping_ms_max: 300_000,
  /** Milliseconds between two looks at all connections. */
  wire_look_ms: 1_000,
  /** Milliseconds in which a client has taken something of what waits for it; then its connection is cut. */
  wire_stalled_ms: 60_000,
  /** Pings of a client in one frame. */
  wire_pongs_max: 64,
  /** Bytes that wait in a socket for its client; past it the rest waits in the session. */
  wire_buffered_bytes_max: 1024 * 1024,
  /** Bytes of deliveries in one frame, unless one is larger. */
  wire_batch_bytes_max: 256 * 1024,
  /** Turns of one connection that are not durable yet; past it no more is read from it. */
  wire_turns_under_way_max: 64,
  /** Requests a second of one connection; past it no more is read for a while. */
  wire_requests_per_second_max: 250_000,
  /** Connections of one service; each costs some 30 KiB. */
  wire_connections_max: 32_768,
} as const;
