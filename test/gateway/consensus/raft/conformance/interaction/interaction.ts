import type { MessageType, NodeId } from '../../../../../../gateway/consensus/raft/index.ts';
import type { DataDrivenCase } from '../../../../../support/datadriven.ts';
import { Directive } from './directive.ts';
import { Group } from './group.ts';
import { Output, wordsOf } from './output.ts';

/** Runs the directives of one file, one after the other, on a group of its own. */
export class Interaction {
  readonly #output = new Output();
  readonly #group: Group;

  /** All directives of the file, since some of them are about what members draw from the beginning. */
  constructor(cases: readonly DataDrivenCase[]) {
    this.#group = new Group(this.#output, electionTimeouts(cases));
  }

  /** What the directive prints. */
  run(recorded: DataDrivenCase): string {
    let refusal = '';
    try {
      this.#handle(new Directive(recorded));
    } catch (error) {
      // Printed at every log level.
      refusal = wordsOf(error);
    }
    return (this.#output.take() + refusal || 'ok').trimEnd();
  }

  #handle(directive: Directive): void {
    const group = this.#group;
    const node = (id: NodeId) => group.member(id).node;
    const [first, second] = directive.ids;
    switch (directive.command) {
      case 'add-nodes':
        group.addMembers(first!, directive.config(), directive.snapshot());
        break;
      case 'campaign':
        node(first!).campaign();
        break;
      case 'compact':
        group.member(first!).storage.compact(second!);
        group.printLog(first!);
        break;
      case 'deliver-msgs':
        if (group.deliver(directive.recipients(), directive.one('type') as MessageType | undefined) === 0) {
          this.#output.writeLine('no messages');
        }
        break;
      case 'forget-leader':
        node(first!).forgetLeader();
        break;
      case 'log-level':
        this.#output.isQuiet = directive.words[0] === 'none';
        break;
      case 'process-append-thread':
        this.#each(directive.ids, 'processing append thread', (id) => group.processAppendThread(id));
        break;
      case 'process-apply-thread':
        this.#each(directive.ids, 'processing apply thread', (id) => group.processApplyThread(id));
        break;
      case 'process-ready':
        this.#each(directive.ids, 'handling Ready', (id) => group.processReady(id));
        break;
      case 'propose':
        node(first!).propose(Buffer.from(directive.words[1]!));
        break;
      case 'propose-conf-change':
        node(first!).proposeConfChange(directive.confChange());
        break;
      case 'raft-log':
        group.printLog(first!);
        break;
      case 'raft-state':
        group.printRaftState();
        break;
      case 'report-unreachable':
        node(first!).reportUnreachable(second!);
        break;
      case 'send-snapshot':
        group.sendSnapshot(first!, second!);
        break;
      case 'set-randomized-election-timeout':
        // Its member has drawn that time-out each time: see electionTimeouts.
        break;
      case 'stabilize':
        this.#stabilize(directive);
        break;
      case 'status':
        group.printStatus(first!);
        break;
      case 'tick-election':
        group.tick(first!, group.member(first!).config.electionTick);
        break;
      case 'tick-heartbeat':
        group.tick(first!, group.member(first!).config.heartbeatTick);
        break;
      case 'transfer-leadership':
        node(Number(directive.one('from'))).transferLeader(Number(directive.one('to')));
        break;
      default:
        throw new Error(`no directive ${directive.command}`);
    }
  }

  #stabilize(directive: Directive): void {
    const before = this.#output.isQuiet;
    const level = directive.one('log-level');
    if (level !== undefined) this.#output.isQuiet = level === 'none';
    this.#group.stabilize(directive.ids);
    this.#output.isQuiet = before;
  }

  /** With a title for each when there are several. */
  #each(ids: readonly NodeId[], title: string, act: (id: NodeId) => void): void {
    for (const id of ids) {
      if (ids.length === 1) {
        act(id);
        continue;
      }
      this.#output.writeLine(`> ${id} ${title}`);
      this.#output.indented(() => act(id));
    }
  }
}

/**
 * The recording changes a time-out that was drawn already. A member cannot be told to; instead it draws that time-out
 * from the start, which shows nowhere else since all other recorded steps hold for any time-out.
 */
function electionTimeouts(cases: readonly DataDrivenCase[]): Map<NodeId, number> {
  const directives = cases.map((recorded) => new Directive(recorded));
  const setting = directives.filter(({ command }) => command === 'set-randomized-election-timeout');
  return new Map(setting.map((directive) => [directive.ids[0]!, Number(directive.one('timeout'))]));
}
