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
    [InlineData(2, 1, 128, null)]
    [InlineData(3, 1, 72, null)] // of eight numbers, but not of sixteen
    [InlineData(2, 2, 80, 9)]
    public void Attention_over_the_caches_memory_equals_libtorchs(int heads, int keyHeads, int headDimension, int? window)
    {
        var config = new ModelConfig
        {
            Family = ModelFamily.Llama, VocabularySize = 10, Width = heads * headDimension, Layers = 2, Heads = heads, KeyValueHeads = keyHeads,
            HeadDimension = headDimension, FeedForwardWidth = 8, ContextLength = 64, SlidingWindow = window,
        };
        int[] positions = [0, 7, 3, 30, 12];
        foreach (var slots in new int[][] { [0, 1, 2, 3, 4], [6, 1, 0, 2, 4] })
        {
            Compare(config, slots, positions);
        }
    }

    private static void Compare(ModelConfig config, int[] slots, int[] positions)
    {
        int heads = config.Heads, keyHeads = config.KeyValueHeads, headDimension = config.HeadDimension;
        using var scope = NewDisposeScope();
        using var _ = no_grad();
        using var generator = new Generator(1, CPU);
        using KeyValueCache cache = new(config, CPU, ScalarType.Float32), other = new(config, CPU, ScalarType.Float32), third = new(config, CPU, ScalarType.Float32);
        cache.Reserve(7, 40);
        other.Reserve(7, 40);
        third.Reserve(7, 40);
        var places = arange(7 * cache.Capacity);
        Tensor Random(params long[] shape) => randn(shape, generator: generator);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            Tensor keys = Random(places.numel(), keyHeads, headDimension), values = Random(places.numel(), keyHeads, headDimension);
            cache.Write(layer, places, keys, values);
            other.Write(layer, places, keys, values);
            third.Write(layer, places, keys, values);
        }

        var host = new HostDecodeAttention(config, cache, slots, positions);
        using var torch = new DecodeAttention(config, other, slots, positions, CPU);
        using var tokens = new PackedTokens([.. positions.Select(_ => (int[])[1])], positions);
        using var continued = new ContinuedAttention(config, tokens, third, slots, positions);
        for (var layer = 0; layer < config.Layers; layer++)
        {
            var joint = Random(positions.Length, heads + (2 * keyHeads), headDimension);
            var expected = torch.Attend(layer, joint);
            Assert.InRange((host.Attend(layer, joint) - expected).abs().max().item<float>(), 0, 1e-5f);
            Assert.InRange((continued.Attend(layer, joint) - expected).abs().max().item<float>(), 0, 1e-5f);
            Assert.True(cache.Read(layer, 7, 40).Keys.equal(other.Read(layer, 7, 40).Keys).all().item<bool>());
            Assert.True(cache.Read(layer, 7, 40).Values.equal(other.Read(layer, 7, 40).Values).all().item<bool>());
        }
    }
}
