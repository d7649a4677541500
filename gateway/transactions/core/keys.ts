/** Everything that transactions keep in a site's group lies under this prefix. */
export const TRANSACTIONS_PREFIX = 'lattice/txn/';

/** The site's yes: what it will do when the decision is to commit. */
export const preparedKey = (id: string): string => `${TRANSACTIONS_PREFIX}prepared/${id}`;
/** A key that a prepared transaction holds; the value is the transaction's id. */
export const lockKey = (key: string): string => `${TRANSACTIONS_PREFIX}lock/${key}`;
/** The decision of a two-phase commit, in the group of the coordinator's site. */
export const decisionKey = (id: string): string => `${TRANSACTIONS_PREFIX}decision/${id}`;
/** What a site, as an acceptor of Paxos, has promised and accepted. */
export const registerKey = (id: string): string => `${TRANSACTIONS_PREFIX}paxos/${id}`;
/** How the transaction ended at this site; it keeps a late duplicate of its prepare from preparing again. */
export const doneKey = (id: string): string => `${TRANSACTIONS_PREFIX}done/${id}`;
