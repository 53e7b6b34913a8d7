package config

import (
	"errors"
	"fmt"
	"os"
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
		secret inFile
	}{
		{"kafka.sasl.password", &l.config.Kafka.SASL.PasswordFile, &l.config.Kafka.SASL.Password},
		{"clickhouse.password", &l.config.ClickHouse.PasswordFile, &l.config.ClickHouse.Password},
		{"piano.api_token", &l.config.Piano.APITokenFile, &l.config.Piano.APIToken},
		{"erasure.key", &l.config.Erasure.KeyFile, &l.config.Erasure.Key},
		{"console.oidc_client_secret", &l.config.Console.OIDCSecretFile, &l.config.Console.OIDCClientSecret},
		{"console.session_key", &l.config.Console.SessionKeyFile, &l.config.Console.SessionKey},
		{"erasure.old_keys", &l.config.Erasure.OldKeysFile, &l.config.Erasure.OldKeys},
	} {
		if *twin.file == "" {
			continue
		}
		fileKey := twin.key + "_file"
		if twin.secret.isSet() {
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
		if err := readSecret(*twin.file, twin.secret); err != nil {
			l.problems.unreadable(fileKey, "%v", err)
			l.problems.mute(twin.key)
			continue
		}
		l.origins[twin.key] = origin{kind: l.origins[fileKey].kind, name: fileKey}
	}
}

// inFile is a value that its _file twin can fill.
type inFile interface {
	isSet() bool
	// parseFile sets the value to the content of the file.
	parseFile(text string) error
}

func readSecret(path string, into inFile) error {
	text, err := readNamed(path, maxSecret)
	if err != nil {
		return err
	}
	return into.parseFile(string(text))
}

// rereader reads the file of a secret again; nil without a file. A named pipe has been read
// once and is not read again, since that would wait for a writer.
func rereader(path string) func() (string, error) {
	if path == "" {
		return nil
	}
	return func() (string, error) {
		if about, err := os.Stat(path); err != nil || !about.Mode().IsRegular() {
			return "", errNotFile
		}
		var s Secret
		if err := readSecret(path, &s); err != nil {
			return "", err
		}
		return s.Reveal(), nil
	}
}

var (
	errNotFile    = errors.New("the file of the secret is gone, or is not a regular file")
	errEmptyFile  = errors.New("the file is empty")
	errSecretFile = errors.New("the file has more than one line, a control character or a byte order mark; write the secret alone, as UTF-8")
	errSecretLine = errors.New("the file has a control character or a byte order mark; write one secret a line, as UTF-8")
)

func (s *Secret) isSet() bool { return *s != "" }

func (s *Secret) parseFile(text string) error {
	// Editors and echo add a line end that is not part of the secret.
	text = strings.TrimRight(text, "\r\n")
	switch {
	case text == "":
		return errEmptyFile
	case hasControl(text):
		return errSecretFile
	}
	*s = Secret(text)
	return nil
}

func (s *Secrets) isSet() bool { return len(*s) > 0 }

// parseFile reads one secret a line: a secret may have a comma.
func (s *Secrets) parseFile(text string) error {
	for line := range strings.Lines(text) {
		switch line = strings.TrimRight(line, "\r\n"); {
		case line == "":
		case hasControl(line):
			return errSecretLine
		default:
			*s = append(*s, Secret(line))
		}
	}
	if !s.isSet() {
		return errEmptyFile
	}
	return nil
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
