using System.Text.Json;

namespace RlPrimitives.Models;

/// <summary>Rotary parameters in both spellings: <c>rope_theta</c> + <c>rope_scaling</c> (transformers 4) and <c>rope_parameters</c> (5).</summary>
internal static class RopeReader
{
    private const double LargestTheta = 1e15, LargestFactor = 1e6;

    public static (double Theta, RopeScaling? Scaling) Read(ConfigObject json, int contextLength)
    {
        // As transformers 5 does: a rope_scaling with members wins, and an inner rope_theta wins over the outer.
        var scaling = json.ObjectOrNull("rope_scaling");
        var rope = scaling is { } old && old.Element.EnumerateObject().Any() ? old
            : json.ObjectOrNull("rope_parameters") ?? new ConfigObject(json.File, default);
        var outer = json.Number("rope_theta", 10_000, double.Epsilon, LargestTheta);
        var theta = rope.Number("rope_theta", outer, double.Epsilon, LargestTheta);
        if (rope.Element.ValueKind == JsonValueKind.Undefined)
        {
            return (theta, null);
        }

        foreach (var member in rope.Element.EnumerateObject())
        {
            if (member.Value.ValueKind == JsonValueKind.Object)
            {
                throw rope.Unsupported(member.Name, "rotary parameters that differ by layer type are not supported; expected one flat object.");
            }
        }

        if (rope.Number("partial_rotary_factor", 1, 0, 1) != 1)
        {
            throw rope.Unsupported("partial_rotary_factor", "only 1 (every feature of a head is rotated) is supported.");
        }

        var key = rope.FirstOf("rope_type", "type");
        var type = rope.TextOrNull(key);
        if (type is null && rope.Has("factor"))
        {
            throw rope.Fault(key, "absent", "'default', 'linear' or 'llama3' beside a factor");
        }

        return (theta, type switch
        {
            null or "default" => null,
            "linear" => new RopeScaling(RopeScalingKind.Linear, Factor(rope)),
            "llama3" => Llama3(rope, contextLength),
            _ => throw rope.Unsupported(key, "supported rotary types are default, linear and llama3."),
        });
    }

    private static RopeScaling Llama3(ConfigObject rope, int contextLength)
    {
        var low = rope.Number("low_freq_factor", null, double.Epsilon, LargestFactor);
        var high = rope.Number("high_freq_factor", null, double.Epsilon, LargestFactor);
        if (high <= low)
        {
            throw rope.Fault("high_freq_factor", $"{high}", $"more than low_freq_factor ({low})");
        }

        var original = rope.Integer("original_max_position_embeddings", contextLength, 1, ConfigLimits.Context);
        return new RopeScaling(RopeScalingKind.Llama3, Factor(rope), low, high, original);
    }

    private static double Factor(ConfigObject rope) => rope.Number("factor", null, 1, LargestFactor);
}
