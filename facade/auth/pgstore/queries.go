package pgstore

import "strings"

// queries are the statements for one table.
type queries struct {
	version, lock, exists, hold                string
	insert, replace, put, remove, current      string
	load, keys, records                        string
	createSchema, readSchema, clear, setSchema string
	steps                                      []string
}

// queriesFor returns the statements for a validated table name.
//
// A row without data is a placeholder: there is no record, but the lock of a
// key that is new needs a row. Its version, as every version, is random and
// never used twice.
func queriesFor(table string) queries {
	q := func(text string) string {
		return strings.NewReplacer("{table}", quote(table), "{schema}", quote(table+"_schema")).Replace(text)
	}
	return queries{
		version: q(`SELECT max(version) FROM {schema}`),
		// One statement sets a transaction up, until its end. A commit that is
		// not durable (synchronous_commit off) is made so; transaction_timeout
		// came with PostgreSQL 17.
		hold: `SELECT set_config('lock_timeout', $1, true), set_config('idle_in_transaction_session_timeout', $1, true),
			set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
				ELSE current_setting('synchronous_commit') END, true),
			CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL THEN set_config('transaction_timeout', '0', true) END`,

		lock:   q(`SELECT key, version, data FROM {table} WHERE id = $1 FOR UPDATE SKIP LOCKED`),
		exists: q(`SELECT EXISTS (SELECT 1 FROM {table} WHERE id = $1)`),
		insert: q(`INSERT INTO {table} (id, key, version) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`),

		replace: q(`UPDATE {table} SET data = $2, version = $3, updated_at = now() WHERE id = $1 AND version = $4`),
		put: q(`INSERT INTO {table} AS t (id, key, data, version) VALUES ($1, $5, $2, $3)
			ON CONFLICT (id) DO UPDATE SET data = EXCLUDED.data, version = EXCLUDED.version, updated_at = now()
			WHERE t.version = $4 OR t.data IS NULL`),
		remove:  q(`DELETE FROM {table} WHERE id = $1 AND version = $2`),
		current: q(`SELECT version, data IS NOT NULL FROM {table} WHERE id = $1`),

		load: q(`SELECT key, data FROM {table} WHERE id = $1 AND data IS NOT NULL`),
		// The page after an id, by the primary key.
		keys:    q(`SELECT id, key, NULL::bytea FROM {table} WHERE id > $1 AND data IS NOT NULL ORDER BY id LIMIT $2`),
		records: q(`SELECT id, key, data FROM {table} WHERE id > $1 AND data IS NOT NULL ORDER BY id LIMIT $2`),

		createSchema: q(`CREATE TABLE IF NOT EXISTS {schema} (version integer NOT NULL)`),
		readSchema:   q(`SELECT coalesce(max(version), 0) FROM {schema}`),
		clear:        q(`DELETE FROM {schema}`),
		setSchema:    q(`INSERT INTO {schema} (version) VALUES ($1)`),
		steps: []string{
			q(`CREATE TABLE {table} (
				id bytea PRIMARY KEY,
				key bytea NOT NULL,
				version text NOT NULL,
				data bytea,
				updated_at timestamptz NOT NULL DEFAULT now()
			)`),
		},
	}
}

// quote makes an SQL name of a validated table name.
func quote(table string) string {
	return `"` + strings.ReplaceAll(table, ".", `"."`) + `"`
}
