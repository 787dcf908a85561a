/** Holding the event loop longer than this in one go delays everybody else's heartbeats and answers: what is left follows in the next turn. */
export const TURN_BUDGET_MS = 8;
