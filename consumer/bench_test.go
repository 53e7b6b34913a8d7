package consumer_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/pianola/pianola/consumer"
)

// BenchmarkReader reads one partition of messages of 630 bytes over the
// protocol, kfake in the same process included. One operation is one message.
func BenchmarkReader(b *testing.B) {
	const size = 630
	for name, codec := range map[string]kgo.CompressionCodec{
		"none": kgo.NoCompression(), "lz4": kgo.Lz4Compression(), "snappy": kgo.SnappyCompression(),
		"zstd": kgo.ZstdCompression(), "gzip": kgo.GzipCompression(),
	} {
		b.Run(name, func(b *testing.B) {
			cluster := newCluster(b, kfake.SeedTopics(1, "events"), kfake.SyntheticFetch(kfake.SyntheticBatch{
				Records: 1000, RecordBytes: size, RandomFrac: 0.2, Compression: codec,
			}))
			r := newConsumer(b, settings(cluster.ListenAddrs(), "events"), consumer.Hooks{}).NewReader("events", 0, 0)
			defer r.Close()
			b.SetBytes(size)
			b.ReportAllocs()
			read, sets := 0, 0
			for b.ResetTimer(); read < b.N; sets++ {
				set, err := r.Next(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				read += len(set.Records)
			}
			b.ReportMetric(float64(read)/float64(sets), "messages/set")
		})
	}
}
