-- What each subscription's events amount to now. The rules are queries/state.sql,
-- which reconciliation uses too, at the moment of a snapshot.
CREATE VIEW IF NOT EXISTS {{ .View "subscription_state" }}{{ .OnCluster }} AS
{{ .State "now64(3, 'UTC')" "" }}
COMMENT 'What the events of each subscription amount to now, one row a subscription';
