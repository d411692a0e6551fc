using RlPrimitives.Models;
using RlPrimitives.Models.Attention;
using TorchSharp;
using static TorchSharp.torch;

namespace RlPrimitives.Tests.Models;

public class DecodeAttentionTests
{
    [Theory]
    [InlineData(6, 6, 64, null)]
    [InlineData(6, 2, 64, null)]
    [InlineData(4, 1, 8, null)]
    [InlineData(2, 2, 10, null)] // no multiple of a vector
    [InlineData(4, 2, 6, 5)]
    [InlineData(4, 2, 32, 3)]
    public void Attention_over_the_caches_memory_equals_libtorchs(int heads, int keyHeads, int headDimension, int? window)
    {
        var config = new ModelConfig
        {
            Family = ModelFamily.Llama, VocabularySize = 10, Width = heads * headDimension, Layers = 2, Heads = heads, KeyValueHeads = keyHeads,
            HeadDimension = headDimension, FeedForwardWidth = 8, ContextLength = 64, SlidingWindow = window,
        };
        int[] positions = [0, 7, 3, 30, 12];
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var generator = new Generator(1, CPU);
        using KeyValueCache cache = new(config, CPU, ScalarType.Float32), other = new(config, CPU, ScalarType.Float32);
        cache.Reserve(positions.Length, 40);
        other.Reserve(positions.Length, 40);
        var places = arange(positions.Length * cache.Capacity);
        Tensor Random(params long[] shape) => randn(shape, generator: generator);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            Tensor keys = Random(places.numel(), keyHeads, headDimension), values = Random(places.numel(), keyHeads, headDimension);
            cache.Write(layer, places, keys, values);
            other.Write(layer, places, keys, values);
        }

        var host = new HostDecodeAttention(config, cache, positions);
        using var torch = new DecodeAttention(config, other, positions, CPU);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            // As models give them: views of one product, whose rows lie apart.
            var all = Random(positions.Length, heads + (2 * keyHeads), headDimension);
            Tensor query = all.narrow(1, 0, heads), key = all.narrow(1, heads, keyHeads), value = all.narrow(1, heads + keyHeads, keyHeads);
            var difference = (host.Attend(layer, query, key, value) - torch.Attend(layer, query, key, value)).abs().max().item<float>();
            Assert.InRange(difference, 0, 1e-5f);
            Assert.True(cache.Read(layer, 5, 40).Keys.equal(other.Read(layer, 5, 40).Keys).all().item<bool>());
            Assert.True(cache.Read(layer, 5, 40).Values.equal(other.Read(layer, 5, 40).Values).all().item<bool>());
        }
    }
}
