package config

import "strings"

// maxSecret is larger than any password or token.
const maxSecret = 64 << 10

// readSecretFiles fills secrets from their _file twins. Setting both is a mistake in
// any layer, because the intended one is unknown.
func (l *Loaded) readSecretFiles() {
	for _, twin := range []struct {
		key    string
		file   string
		secret *Secret
	}{
		{"kafka.sasl.password", l.config.Kafka.SASL.PasswordFile, &l.config.Kafka.SASL.Password},
		{"clickhouse.password", l.config.ClickHouse.PasswordFile, &l.config.ClickHouse.Password},
		{"piano.api_token", l.config.Piano.APITokenFile, &l.config.Piano.APIToken},
	} {
		if twin.file == "" {
			continue
		}
		fileKey := twin.key + "_file"
		if *twin.secret != "" {
			l.problems.unreadable(fileKey, "conflicts with %s; set only one of them", twin.key)
			continue
		}
		text, err := readBounded(twin.file, maxSecret)
		if err != nil {
			l.problems.unreadable(fileKey, "%v", err)
			l.problems.mute(twin.key)
			continue
		}
		// Editors and echo add a line end that is not part of the secret.
		secret := strings.TrimRight(string(text), "\r\n")
		if secret == "" {
			l.problems.unreadable(fileKey, "the file is empty")
			l.problems.mute(twin.key)
			continue
		}
		*twin.secret = Secret(secret)
		l.origins[twin.key] = origin{kind: l.origins[fileKey].kind, name: fileKey}
	}
}
