// Who holds which lease of the group, as far as this page was told. No DOM here.

/** What is told late of a term that is over changes nothing. */
export class Leases {
  /** @type {Map<string, { holder: string | null, term: number }>} */
  #known = new Map();

  /** @param {{ name: string, holder: string | null, term: number }} lease */
  set({ name, holder, term }) {
    const known = this.#known.get(name);
    // Its end has the term of its holder.
    if (known && (term < known.term || (term === known.term && known.holder === null))) return;
    this.#known.set(name, { holder, term });
  }

  /** Those that somebody has asked for, held or not. */
  get names() {
    return [...this.#known.keys()];
  }

  /** What a client holds. @param {string} client */
  heldBy(client) {
    return this.names.filter((name) => this.#known.get(name)?.holder === client).sort();
  }

  clear() {
    this.#known.clear();
  }
}

/**
 * Follows the group's leases.
 * @param {import("./connection.js").Connection} connection @param {() => void} changed
 */
export function followLeases(connection, changed) {
  const leases = new Leases();
  const take = (/** @type {any} */ lease) => {
    leases.set(lease);
    changed();
  };
  connection.on("lease", take);
  connection.on("open", () => {
    const { client } = connection;
    // What happened while the page was away was told to others.
    for (const name of leases.names) {
      client?.request("aether", "lease.get", { name }).then(({ payload }) => client === connection.client && take(payload), () => {
        // Then it is as it was when it was told last.
      });
    }
  });
  connection.on("leave", ({ sameGroup }) => {
    if (!sameGroup) leases.clear();
  });
  return leases;
}
