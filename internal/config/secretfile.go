package config

import "strings"

// maxSecret is far beyond any password or token.
const maxSecret = 64 << 10

// readSecretFiles fills secrets from their _file twins. Both given is a mistake
// whatever the layers: which one was meant is not for us to guess.
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
			l.problems.unreadable(fileKey, "is given and so is %s; give one of them", twin.key)
			continue
		}
		text, err := readBounded(twin.file, maxSecret)
		if err != nil {
			l.problems.unreadable(fileKey, "%v", err)
			l.problems.silence(twin.key)
			continue
		}
		// Editors and echo end a file with a line end that is no part of the
		// secret.
		secret := strings.TrimRight(string(text), "\r\n")
		if secret == "" {
			l.problems.unreadable(fileKey, "the file is empty")
			l.problems.silence(twin.key)
			continue
		}
		*twin.secret = Secret(secret)
		l.origins[twin.key] = origin{kind: l.origins[fileKey].kind, name: fileKey}
	}
}
