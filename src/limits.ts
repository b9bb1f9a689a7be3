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
  /** Bytes of journal since the last row cut; past it the rows are brought up to date. Bounds recovery time. */
  journal_tail_bytes_max: 12 * 1024 * 1024,
  /** Milliseconds after which rows are brought up to date even when the tail is small. */
  journal_tail_age_ms_max: 1_000,
  /** Bytes of the channel cache (estimated size of clean and dirty channels in memory). */
  cache_bytes_default: 256 * 1024 * 1024,
  /** Bytes of row blocks that the database keeps in memory, beside the channel cache. */
  row_blocks_bytes_default: 16 * 1024 * 1024,
  /** Commits that may run ahead of the one being written, in bytes of encoded entry. */
  commit_ahead_bytes_max: 8 * 1024 * 1024,
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
  /** Objects that one answer may hand out. */
  answer_objects_max: 256,
  /** Milliseconds for which a clean stop waits for changes that are under way. */
  effects_drain_ms: 2_000,
  /** Bytes of one file read in one reply. */
  read_bytes_max: 16 * 1024 * 1024,
  /** Open file handles of one powerbox. */
  handles_max: 1024,
  /** Bytes of one line of standard input. */
  line_bytes_max: 1024 * 1024,
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
  /** Channels in one report: it is for people, and for programs that can ask for one channel. */
  report_channels_max: 1_000,
  /** Data, and continuations, of one channel in a report. */
  report_items_max: 100,
  /** Characters of one datum or continuation in a report. */
  report_item_chars_max: 2_000,
} as const;
