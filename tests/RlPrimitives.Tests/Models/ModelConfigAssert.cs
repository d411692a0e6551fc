using System.Collections.Immutable;
using RlPrimitives.Models;

namespace RlPrimitives.Tests.Models;

/// <summary>Equality of configurations by value: immutable arrays compare by reference.</summary>
internal static class ModelConfigAssert
{
    public static void Same(ModelConfig expected, ModelConfig actual)
    {
        Assert.Equal(expected.EosTokenIds.AsEnumerable(), actual.EosTokenIds.AsEnumerable());
        Assert.Equal(expected.SlidingLayers.AsEnumerable(), actual.SlidingLayers.AsEnumerable());
        Assert.Equal(expected with { EosTokenIds = [], SlidingLayers = [] }, actual with { EosTokenIds = [], SlidingLayers = [] });
    }

    public static IEnumerable<T> AsEnumerable<T>(this ImmutableArray<T> array) => array.IsDefault ? [] : array;
}
