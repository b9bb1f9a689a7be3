/** What the nodes of a vote run and say: two phases, a coordinator that proposes and others that agree or do not. */
import type { PeersConfigSource } from '../../src/capability/index.ts';
import type { HostValue } from '../../src/values/index.ts';

export interface VoterOptions {
  readonly data: string;
  readonly config: PeersConfigSource;
  readonly program: string;
  /** What this node puts to the vote; empty for all but the coordinator. */
  readonly proposals: readonly number[];
}

export type VoterLine =
  /** How many of each lie there. */
  | { readonly type: 'counts'; readonly decided: number; readonly asked: number }
  | {
      readonly type: 'told';
      readonly decided: readonly HostValue[][];
      readonly asked: readonly HostValue[][];
      readonly strange: readonly HostValue[][];
    }
  | { readonly type: 'failure'; readonly code: string; readonly message: string }
  | { readonly type: 'broken'; readonly message: string };

/** What the vote on a proposal must come to: b is against what 2 divides, c against what 3 divides. */
export const outcomeOf = (proposal: number): boolean => proposal % 2 !== 0 && proposal % 3 !== 0;

/**
 * One contract for every node. The coordinator asks b and c, each votes on what it is asked, and what they decide is
 * told to both. A message that came twice would be seen: as a second vote, a second decision, a second question.
 */
export function voterProgram(node: string): string {
  return `
contract main(box, @_) = {
  for (peers <- box!?("peers"); inbox <- peers!?("messages")) {
    new tell in {
      contract tell(@node, @message) = {
        for (@answer <- peers!?("send", node, message)) {
          match answer { Nil => { Nil } other => { @"strange"!(other) } }
        }
      } |
      for (@from, @message <= inbox) {
        match message {
          ["prepare", number, value] => {
            @"asked"!(number) | tell!(from, ["vote", number, value % ${node === 'b' ? 2 : 3} != 0])
          }
          ["vote", number, yes] => { @["vote", number, from]!(yes) }
          ["decide", number, outcome] => { @"decided"!(number, outcome) }
          other => { @"strange"!(other) }
        }
      } |
      for (@number, @value <= @"proposals") {
        tell!("b", ["prepare", number, value]) | tell!("c", ["prepare", number, value]) |
        for (@first <- @["vote", number, "b"] & @second <- @["vote", number, "c"]) {
          @"decided"!(number, first and second) |
          tell!("b", ["decide", number, first and second]) | tell!("c", ["decide", number, first and second])
        }
      }
    }
  }
}`;
}

/** Everything that this node puts in is told to the other one, and whatever arrives is kept: twice, if it comes twice. */
export function exchangeProgram(other: string): string {
  return `
contract main(box, @_) = {
  for (peers <- box!?("peers"); inbox <- peers!?("messages")) {
    for (@_, @number <= inbox) { @"decided"!(number, true) } |
    for (@number, @_ <= @"proposals") {
      for (@answer <- peers!?("send", "${other}", number)) {
        match answer { Nil => { @"asked"!(number) } failure => { @"strange"!(failure) } }
      }
    }
  }
}`;
}
