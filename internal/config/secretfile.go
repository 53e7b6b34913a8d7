package config

import (
	"errors"
	"fmt"
	"strings"
)

// maxSecret is larger than any password or token.
const maxSecret = 64 << 10

// priority orders the layers; a higher one overrides a lower one.
var priority = map[string]int{FromFile: 1, FromEnvironment: 2, FromFlag: 3}

// readSecretFiles fills secrets from their _file twins. Of a secret and its twin the one of
// the higher layer wins, as for any setting. Setting both in one layer is a mistake,
// because the intended one is unknown.
func (l *Loaded) readSecretFiles() {
	for _, twin := range []struct {
		key    string
		file   *string
		secret *Secret
	}{
		{"kafka.sasl.password", &l.config.Kafka.SASL.PasswordFile, &l.config.Kafka.SASL.Password},
		{"clickhouse.password", &l.config.ClickHouse.PasswordFile, &l.config.ClickHouse.Password},
		{"piano.api_token", &l.config.Piano.APITokenFile, &l.config.Piano.APIToken},
	} {
		if *twin.file == "" {
			continue
		}
		fileKey := twin.key + "_file"
		if *twin.secret != "" {
			direct, file := l.origins[twin.key], l.origins[fileKey]
			if direct.kind == file.kind {
				l.problems.unreadable(fileKey, "conflicts with %s; set only one of them", twin.key)
				continue
			}
			if priority[direct.kind] > priority[file.kind] {
				*twin.file, l.origins[fileKey] = "", direct
				continue
			}
		}
		secret, err := readSecret(*twin.file)
		if err != nil {
			l.problems.unreadable(fileKey, "%v", err)
			l.problems.mute(twin.key)
			continue
		}
		*twin.secret = secret
		l.origins[twin.key] = origin{kind: l.origins[fileKey].kind, name: fileKey}
	}
}

func readSecret(path string) (Secret, error) {
	text, err := readNamed(path, maxSecret)
	if err != nil {
		return "", err
	}
	// Editors and echo add a line end that is not part of the secret.
	secret := strings.TrimRight(string(text), "\r\n")
	if secret == "" {
		return "", errors.New("the file is empty")
	}
	if hasControl(secret) {
		return "", errors.New("the file has more than one line, a control character or a byte order mark; write the secret alone, as UTF-8")
	}
	return Secret(secret), nil
}

// readNamed reads the file of a setting. Its errors do not repeat the path, which may be
// the secret itself.
func readNamed(path string, limit int64) ([]byte, error) {
	text, err := readBounded(path, limit)
	if err != nil {
		return nil, fmt.Errorf("the file that it names cannot be read: %w; the value must be a path, and is not shown because it may be the secret itself", cause(err))
	}
	return text, nil
}
