using System.Collections.Immutable;
using RlPrimitives.Models.Architectures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace RlPrimitives.Models;

/// <summary>The adapters of one model: which layers carry one, and their weights.</summary>
internal sealed class LoraAdapters : IDisposable
{
    private readonly LoraSwitch switchedOff = new();

    /// <summary>Puts uninitialised adapters beside the layers that <paramref name="config"/> names.</summary>
    /// <exception cref="ArgumentException">A target names no linear layer, or the output head.</exception>
    public LoraAdapters(ICausalModel model, LoraConfig config)
    {
        Config = config;
        Layers = Select(model, config.TargetModules);
        foreach (var (_, layer) in Layers)
        {
            layer.Update = new LowRankUpdate(layer, config.Rank, config.Scale, switchedOff);
        }
    }

    public LoraConfig Config { get; }

    /// <summary>The adapted layers under the checkpoint's names.</summary>
    public IReadOnlyList<(string Name, ILinear Layer)> Layers { get; }

    /// <summary>Whether the calling thread runs the model without them.</summary>
    public bool IsOff => switchedOff.IsOff;

    /// <summary>A [r, in] and B [out, r] of every layer, named as PEFT names them below its own prefix.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters =>
        [.. Layers.SelectMany(l => new[] { ($"{l.Name}.lora_A.weight", l.Layer.Update!.A), ($"{l.Name}.lora_B.weight", l.Layer.Update!.B) })];

    /// <summary>The linear layers that may be adapted: all but the output head, whose weight is used without its module.</summary>
    public static IReadOnlyList<(string Name, ILinear Layer)> LinearLayers(ICausalModel model) =>
        [.. ((nn.Module)model).named_modules().Where(m => m.module is ILinear && m.name != "lm_head").Select(m => (m.name, (ILinear)m.module))];

    /// <summary>Whether a target names a layer, by PEFT's rule.</summary>
    public static bool Names(string target, string layer) => layer == target || layer.EndsWith("." + target, StringComparison.Ordinal);

    /// <summary>Runs <paramref name="body"/> as if the adapters were not there, on this thread.</summary>
    public T RunOff<T>(Func<T> body) => switchedOff.RunOff(body);

    public void Initialize(long seed)
    {
        using var generator = new Generator((ulong)seed, torch.CPU);
        foreach (var (_, layer) in Layers)
        {
            layer.Update!.Initialize(generator);
        }
    }

    public void Dispose()
    {
        foreach (var (_, layer) in Layers)
        {
            layer.Update?.Dispose();
            layer.Update = null;
        }

        switchedOff.Dispose();
    }

    private static IReadOnlyList<(string Name, ILinear Layer)> Select(ICausalModel model, ImmutableArray<string> targets)
    {
        var layers = LinearLayers(model);
        foreach (var target in targets)
        {
            if (!layers.Any(l => Names(target, l.Name)))
            {
                throw new ArgumentException($"No linear layer of this {model.Config.Family} model is called '{target}'" +
                    $"{(target == "lm_head" ? ": the output head cannot be adapted" : "")}. Target modules are among: {NamesOf(layers)}.");
            }
        }

        return targets.IsEmpty ? layers : [.. layers.Where(l => targets.Any(t => Names(t, l.Name)))];
    }

    /// <summary>The last parts of the layers' names, once each.</summary>
    public static string NamesOf(IEnumerable<(string Name, ILinear Layer)> layers) => string.Join(", ", ShortNames(layers));

    /// <inheritdoc cref="NamesOf"/>
    public static IEnumerable<string> ShortNames(IEnumerable<(string Name, ILinear Layer)> layers) => layers.Select(l => l.Name[(l.Name.LastIndexOf('.') + 1)..]).Distinct();
}
