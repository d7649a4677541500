/**
 * Every coded error of Lattice, with what a person can do about it.
 *
 * Codes are part of the public contract: they stand in log lines, in dead letters and in the README's table, and they
 * are never renamed. `what` is for the reader of a log; `remedy` says what to do next.
 */
export const ERROR_CODES = {
  // configuration and the command line
  CONFIG_INVALID: {
    what: 'The configuration has faults.',
    remedy: 'Mend each path that is listed; all faults are listed at once.',
  },
  CONFIG_UNREADABLE: {
    what: 'The configuration file cannot be read.',
    remedy: 'Check the path and the rights of the file.',
  },
  USAGE: { what: 'The command line does not fit.', remedy: 'See --help of the command.' },
  UNREACHABLE: {
    what: 'Nothing answered at the address.',
    remedy: 'Start the mesh (npm start), or name another --data folder or address.',
  },
  PORT_TAKEN: {
    what: 'Another program listens on a port that the mesh needs.',
    remedy: 'Stop that program, or choose other ports with --port-base N.',
  },
  PORT_UNUSABLE: {
    what: 'The system does not let the mesh listen on a port that it needs.',
    remedy: 'Choose other ports with --port-base N; those below 1024 need special rights.',
  },
  DATA_UNUSABLE: {
    what: 'The data folder cannot be used.',
    remedy: 'Check its rights and its disk, or choose another with --data DIR.',
  },
  DATA_LOCKED: {
    what: 'Another Lattice process uses this data folder.',
    remedy: 'Stop it, or choose another folder with --data DIR.',
  },
  REFUSED_FOR_SAFETY: {
    what: 'The action could do harm and was not carried out.',
    remedy: 'Read the message; it names the option that overrides it, if there is one.',
  },
  INTERNAL: { what: 'A fault of Lattice itself.', remedy: 'Report it with the log lines around it.' },

  // durable log and disk
  DISK_FULL: {
    what: 'The disk is full; nothing more is acknowledged until there is room.',
    remedy: 'Free disk space; work goes on by itself.',
  },
  DISK_FAILED: {
    what: 'The disk refused a write or a sync.',
    remedy: 'Check the disk; the process does not acknowledge what it could not sync.',
  },
  LOG_CLOSED: { what: 'The log was used after it was closed.', remedy: 'Report it with the log lines around it.' },
  LOG_RECORD_TOO_LARGE: {
    what: 'A record is larger than the log accepts.',
    remedy: 'Send smaller messages, or raise the limit in the configuration.',
  },
  LOG_FULL: {
    what: 'The log has reached its bound and its policy is to refuse.',
    remedy: 'Let its readers catch up, or raise its bound.',
  },

  JOURNAL_DAMAGED: {
    what: 'The journal or the checkpoint of a broker is damaged; the records that the line names are lost.',
    remedy: 'Check the disk. The broker goes on with what is whole; sessions and retained messages may lack something.',
  },
  PROGRESS_DAMAGED: {
    what: "The file with a gateway's progress is damaged.",
    remedy: 'The gateway goes on from what its buffer still holds; counts of the past are lost.',
  },

  BUFFER_DAMAGED: {
    what: 'Records of the buffer are damaged and were passed over.',
    remedy: 'Check the disk; the account shows what was lost.',
  },
  BUFFER_UNREADABLE: {
    what: 'The buffer holds bytes that this version of Lattice cannot read.',
    remedy: 'They are in the dead letters; another version of Lattice may have written them.',
  },

  // broker
  AUTH_REQUIRED: {
    what: 'The client gave no user name or no password.',
    remedy: 'Connect with a user name and a password.',
  },
  AUTH_FAILED: {
    what: 'The user name or the password is wrong.',
    remedy: 'Check the credentials; `npm start` prints those of the operator.',
  },
  AUTH_THROTTLED: {
    what: 'Too many failed logins from this address.',
    remedy: 'Wait a few seconds, then try the right password.',
  },
  TOPIC_FORBIDDEN: {
    what: 'The account has no right to this topic.',
    remedy: "Publish below mesh/v1/{site}/{device}/ with the device's own account, or use the operator's.",
  },
  PUBLISH_REFUSED: {
    what: 'The broker did not take the message.',
    remedy:
      "The account may have no right to the topic, the message may be too large, or the broker's disk may be full: see its log.",
  },
  PACKET_MALFORMED: {
    what: 'The client sent bytes that MQTT 3.1.1 forbids.',
    remedy: 'Mend the client; the message names the clause.',
  },
  PACKET_TOO_LARGE: {
    what: 'The packet is larger than the broker accepts.',
    remedy: 'Send less than limits.packetBytesMax, or raise it.',
  },
  PROTOCOL_UNSUPPORTED: {
    what: 'The client speaks a version of MQTT that the broker does not.',
    remedy: 'Use MQTT 3.1.1 (protocol level 4).',
  },
  CONNECT_TIMEOUT: {
    what: 'A client opened a connection and did not send CONNECT in time.',
    remedy: 'Send CONNECT first and at once.',
  },
  CONNECTIONS_EXHAUSTED: {
    what: 'The broker has as many connections as it allows.',
    remedy: 'Raise limits.connectionsMax, or add a broker.',
  },
  CLIENT_ID_TAKEN: {
    what: 'The client id belongs to another account.',
    remedy: 'Choose another one: for a device or a gateway its user name, or its user name, a slash and anything.',
  },
  SESSION_TAKEN_OVER: {
    what: 'The client has connected again, at another broker; this connection was closed.',
    remedy: 'Nothing, if the client has moved. Give each client an id of its own if two take turns.',
  },
  SESSIONS_EXHAUSTED: {
    what: 'The broker keeps as many sessions as it allows.',
    remedy: 'Connect with a clean session, raise limits.sessionsMax, or let old sessions expire.',
  },
  BROKER_DRAINING: {
    what: 'The broker is being drained and takes no clients.',
    remedy: 'Connect to another broker of the site, or end it with `lattice drain BROKER --undo`.',
  },
  CLIENT_MOVED: {
    what: 'A client went to another broker, since its own drains or the one that it prefers is back.',
    remedy: 'Nothing needs to be done: what was not acknowledged is sent again.',
  },
  COMMAND_INVALID: {
    what: 'A broker was told something that is no command, or by an account that may not command it.',
    remedy: "Use an operator's account at that broker itself; the form is in core/wire/broker-command.ts.",
  },
  SESSION_QUEUE_FULL: {
    what: 'The queue of a session is full; the oldest messages were dropped and counted.',
    remedy: 'Let the client connect, or raise limits.sessionQueueMessagesMax.',
  },
  CLIENT_SLOW: {
    what: 'A client did not read what it was sent in time and was disconnected.',
    remedy: 'It finds its messages in its session when it comes back.',
  },
  JOURNAL_SATURATED: {
    what: 'The broker could not write messages to disk as fast as they came; publishers wait.',
    remedy: 'Use a faster disk, or fewer messages per second.',
  },
  JOURNAL_OLDER: {
    what: 'Other brokers have had messages from this one that its journal lacks, as after a backup was restored; it began a new life, so that what it publishes now is not taken for those.',
    remedy: 'Nothing, if a backup was restored. Otherwise look why the data folder went back in time.',
  },
  LINK_BACKLOG_DROPPED: {
    what: 'Messages that waited for another broker went beyond the bound of the journal or of their age, and were given up and counted.',
    remedy: 'Bring that broker back, or raise journal.bytesMax or links.backlogAgeMsMax.',
  },
  LINK_REFUSED: {
    what: 'The other broker refused the link.',
    remedy: "Check that both brokers have the same link secret and know each other's id.",
  },
  LINK_PROTOCOL: {
    what: 'The other end of a link sent something that the link protocol forbids.',
    remedy: 'Check that both brokers run the same version.',
  },
  LINK_CERTIFICATE: {
    what: 'A certificate of a link cannot be used, or the other end does not accept it.',
    remedy: 'Check the certFile, keyFile and caFile of both brokers, their dates and the host in the address.',
  },
  LINK_DOWN: {
    what: 'The link to another broker is down; messages for it wait on disk.',
    remedy: 'Start the other broker, or mend the network.',
  },
  BRIDGE_DOWN: {
    what: 'A bridge has no connection to the other broker; messages for it wait in its queue.',
    remedy: 'Start the other broker, or mend the network or the address; the bridge goes on trying.',
  },
  BRIDGE_REFUSED: {
    what: 'The other broker does not let a bridge in, or does not let it subscribe.',
    remedy: 'The message says why: check user name, password, rights and protocolVersion of the bridge.',
  },
  BRIDGE_LOOP: {
    what: 'A message went round between brokers and was stopped by a bridge.',
    remedy: 'Let one broker of a mesh alone run a bridge, and bridge two brokers by one way only.',
  },

  // time
  HLC_STAMP_FUTURE: {
    what: 'Another node stamps with a clock that runs too far ahead of the one here; its stamp was refused and counted.',
    remedy:
      'Set the clocks of both machines: the one is ahead or the other behind. What was refused comes by itself then; clock.aheadMsMax is the bound.',
  },

  // readings
  READING_NOT_JSON: {
    what: 'The payload is not JSON.',
    remedy: 'Send a JSON object, for example {"temperature":21.5}.',
  },
  READING_SCHEMA: {
    what: 'The payload is JSON but not a reading.',
    remedy: 'See the README for the form of a reading; the message names the fault.',
  },
  READING_NOT_FINITE: {
    what: 'A value is not a finite number.',
    remedy: 'Leave the metric out when the sensor has no value.',
  },
  READING_STAMP_FUTURE: {
    what: 'The time stamp lies too far in the future.',
    remedy: "Set the device's clock, or leave ts out.",
  },
  READING_STAMP_PAST: {
    what: 'The time stamp lies before 2000, so the device had no clock.',
    remedy: "Set the device's clock, or leave ts out.",
  },
  READING_TOO_LARGE: {
    what: 'The payload is larger than a reading may be.',
    remedy: 'Send fewer metrics per message.',
  },
  TOPIC_INVALID: {
    what: 'The topic does not follow mesh/v1/{site}/{device}/{kind}.',
    remedy: 'Use letters, digits, dot, dash and underscore; no spaces.',
  },

  // store
  STORE_UNREACHABLE: {
    what: 'The time-series store does not answer.',
    remedy: "Readings wait in the gateway's buffer; start the store.",
  },
  STORE_REJECTED: {
    what: 'The store refused some points.',
    remedy: "They are in the dead letters with the store's reason.",
  },
  STORE_AUTH: {
    what: 'The store refused the user name or the password.',
    remedy: 'Check store.username and store.password of the gateway.',
  },
  STORE_BUSY: {
    what: 'The embedded store has as much waiting to be written as it allows.',
    remedy: 'Senders try again by themselves; raise limits.writeQueueBytesMax if it recurs.',
  },
  STORE_NOT_FOUND: {
    what: 'The store has no database or retention policy of that name.',
    remedy: 'Create it, or mend the name.',
  },
  QUERY_LIMIT: {
    what: 'A query would read or return more than the store allows.',
    remedy: 'Ask for a shorter time, longer groups or fewer series, or raise the limit that the message names.',
  },
  QUERY_UNSUPPORTED: {
    what: 'The statement uses something that the embedded store does not know.',
    remedy: 'The message names the word; use InfluxDB for it.',
  },
  QUERY_SYNTAX: { what: 'The statement cannot be parsed.', remedy: 'The message names the place.' },
  LINE_PROTOCOL: { what: 'A line of line protocol cannot be parsed.', remedy: 'The message names the line.' },

  // gateways that agree
  COORDINATION_UNAVAILABLE: {
    what: 'No majority of the gateways can be reached; nothing was changed.',
    remedy: 'Start the missing gateways or mend the network between them; `lattice status` names them.',
  },
  COORDINATION_TIMEOUT: {
    what: 'The gateways did not answer in time; the change may or may not have been made.',
    remedy: 'Read what is there now, and ask again if it is not what you want.',
  },
  COORDINATION_REJECTED: {
    what: 'The request does not fit: malformed, too large, or too many at once.',
    remedy: 'The message says which; asking again as it is will not help.',
  },
  OPERATOR_REQUIRED: {
    what: 'This account may read what the gateways agree on, and not change it.',
    remedy: "Use an operator's account.",
  },
  KEY_RESERVED: {
    what: "Keys that begin with lattice/ are the mesh's own and are not changed by hand.",
    remedy: 'Choose another key, or use the command that is made for it.',
  },
  LEASE_NOT_FOUND: {
    what: 'The lease has ended, and what hung on it is gone.',
    remedy: 'Begin again with a new lease; whatever was done under the old one needs its fencing token checked.',
  },
  REVISION_COMPACTED: {
    what: 'The history before that revision has been compacted away.',
    remedy: 'Read the present state, and watch from its revision on.',
  },
  REVISION_IN_FUTURE: {
    what: 'The store has not reached that revision yet.',
    remedy: 'Use a revision that the store has given you.',
  },
  FENCED: {
    what: 'The request carries the token of an earlier holder; somebody else holds the lock or leads by now.',
    remedy: 'Stop what you do in the name of that token, and take part in the election or the lock again.',
  },
  LOCK_TIMEOUT: {
    what: 'Somebody else held the lock for as long as you were willing to wait.',
    remedy: 'Wait longer with --timeout-s, or see who holds it with `lattice kv get --prefix`.',
  },
  LOCK_LOST: {
    what: 'The lock was lost while it was in use: its lease ended.',
    remedy: 'Begin again; what was written with the old fencing token is refused where tokens are checked.',
  },
  RAFT_STORAGE_DAMAGED: {
    what: "This gateway's copy of the agreed log is damaged where others may rely on it.",
    remedy: 'Remove the member with `lattice gateway remove`, empty its consensus folder, and add it again.',
  },
  RAFT_PROPOSAL_DROPPED: {
    what: 'The leader did not take the change: there is none, it hands over, or too much is under way.',
    remedy: 'Ask again in a moment.',
  },
  MEMBER_CHANGE_REFUSED: {
    what: 'That change of the members cannot be made now.',
    remedy: 'The message says why; see the members with `lattice gateway list`.',
  },
  PEER_REFUSED: {
    what: 'The other end of a connection between gateways is not who it should be, or speaks another version.',
    remedy: 'Check the address, that both gateways have the key of the same site, and that both run this version.',
  },
  PEER_FRAME_INVALID: {
    what: 'A gateway sent what is no frame of the protocol; the connection was closed.',
    remedy: 'It is opened again by itself; if this returns, something else listens on that port or changes the bytes.',
  },
  RPC_TIMEOUT: {
    what: 'The other gateway did not answer before the deadline.',
    remedy: 'It may have done what was asked; ask again with the same request id, which is carried out once.',
  },
  RPC_UNREACHABLE: {
    what: 'The other gateway cannot be reached.',
    remedy: 'Check that it runs, its address, and the network between.',
  },
  RPC_FAILED: {
    what: 'The other gateway could not carry out the request.',
    remedy: 'The message says why.',
  },
  TRANSACTION_ABORTED: {
    what: 'A change over several sites was given up; it was made at none of them.',
    remedy: 'The message names the site and the reason; try again when it is mended.',
  },
  TRANSACTION_IN_DOUBT: {
    what: 'A change over several sites is prepared and its outcome is not known here yet.',
    remedy: 'Nothing to do: it settles by itself once the group that decides has a majority.',
  },
  LEDGER_INVALID: {
    what: 'The ledger of administrative acts does not hold together.',
    remedy: 'The first bad entry is named; compare with the copy of another gateway.',
  },

  // devices
  SCENARIO_INVALID: { what: 'The scenario has faults.', remedy: 'Mend each path that is listed.' },
  SIM_QUEUE_FULL: {
    what: "A simulated device's queue is full; its oldest readings were dropped and counted.",
    remedy: 'Mend the connection to the broker, or raise queueReadingsMax of the scenario.',
  },
  SHIM_RING_FULL: {
    what: "The shim's buffer is full; the oldest readings were dropped and counted.",
    remedy: 'Mend the connection to the broker, or raise buffer.bytesMax.',
  },
  SOCKET_INPUT: {
    what: 'A local program sent something that is no reading.',
    remedy: 'Send InfluxDB line protocol or one JSON object per line.',
  },

  // time
  TIME_REFERENCE_UNREACHABLE: {
    what: 'No time server gives an answer that can be used.',
    remedy: 'The message says why for each; check their addresses, and that UDP to port 123 is let through.',
  },
  TIME_REFERENCE_DISAGREEMENT: {
    what: 'The time servers contradict each other, and none is followed, since no majority agrees.',
    remedy: 'Find out which is wrong; name three independent servers or more, so that one can be outvoted.',
  },
  TIME_SERVER_WRONG: {
    what: 'A time server contradicts the majority of them and is not followed.',
    remedy: 'Mend its clock, or name another server in its place.',
  },
  TIME_SERVER_REFUSES: {
    what: 'A time server does not want to be asked by this gateway; it is not asked again.',
    remedy: 'Name another server, or have this gateway allowed there, and start the gateway again.',
  },
  TIME_SYSTEM_UNSYNCHRONISED: {
    what: "Nothing keeps the machine's own clock right, so it is no reference.",
    remedy: 'Start chrony or systemd-timesyncd and let it reach its servers, or name NTP servers to Lattice.',
  },

  CLOCK_MESSAGE_REFUSED: {
    what: 'A message or a probe about time was refused.',
    remedy: 'See its reason. A forged one means that somebody without the key of the site can reach the port.',
  },
  CLOCK_DISAGREEMENT: {
    what: "No majority of the gateways' clocks agrees within time.gammaMs.",
    remedy: 'See lattice time; set the clocks of the machines that are off, or name a reference (time.reference).',
  },
  CLOCK_UNCERTAIN: {
    what: "The uncertainty of the mesh's time is beyond time.uncertaintyMsMax.",
    remedy: 'See lattice time: whether a gateway is cut off, or the reference outside is away.',
  },
  TIME_NOT_MASTER: {
    what: 'This gateway is not the master of the time of the mesh, which alone can set it.',
    remedy: 'Ask the gateway that the message names; `lattice time` shows which it is.',
  },
  TIME_NO_REFERENCE: {
    what: 'The master has no reference outside, or has not heard from it lately.',
    remedy: 'Give the gateways a reference in their configuration, or see in `lattice time` why it is silent.',
  },
} as const satisfies Record<string, { what: string; remedy: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;
